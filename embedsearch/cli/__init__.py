"""The shell command: a module per family of verbs, over `embedsearch.workspace`.

Data goes to standard output and everything else to standard error. A command ends with 0,
with 1 when something that was asked for cannot be done, with 2 when it was typed wrongly,
and with 130 when it was interrupted.
"""
