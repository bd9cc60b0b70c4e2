"""Filters on the metadata of documents: `year > 1990 and lang = 'en'`.

A filter is read into a small tree, and the tree is held against columns of the fields that it
names: nothing that a user writes ever becomes SQL.

What holds for every filter:

- A condition is true or false of a document, never unknown, and `not` turns it over. So
  `lang != 'en'` is also true of documents without a `lang`.
- A number and a string that spells one compare as numbers, `true` equals the string `true` in
  any case, two ISO dates compare as dates, two other strings by their code points, and other
  kinds never match.
- A date names all the time that it leaves open: `2020-06` is the whole month. A value equals it
  if it lies within, and comes before or after it by its own first moment. Without a time zone it
  is UTC. A number, or a text, of four digits is a year where the other side is a date.
- A comparison is true of a list if it is true of one of its elements, and never of an object.
- Null and a field that is not there are the same; nulls in lists do not count.
- `like` and `contains` ignore case, and see numbers as they are written.
- `id` and `title` are those of the document, unless its metadata has a field of that name.
"""
