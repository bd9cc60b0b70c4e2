"""The protocol of an encoder of texts, by which search takes vectors from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors; those of a query and of what answers it are near each other.

    Many models treat the two sides differently; one that does not gives both methods the same
    body. What they return is checked, converted and scaled by
    `embedsearch.vectors.encoders.checked.CheckedEncoder`, so that lists of numbers will do.

    An encoder may have an attribute `batch_size`, the most texts that it takes at once, such as
    the limit of an API; without it that is 256.

    A class of the user's own, here for a service that answers over HTTP:

    ```python
    class HouseEncoder:
        batch_size = 96

        def __init__(self, address="http://127.0.0.1:8080"):
            self.address = address

        def encode_documents(self, texts):
            return self.ask("passage", texts)

        def encode_queries(self, texts):
            return self.ask("query", texts)

        def ask(self, kind, texts):
            body = json.dumps({"kind": kind, "texts": texts}).encode()
            with urlopen(Request(self.address, body)) as answer:
                return json.load(answer)["vectors"]
    ```

    A package that offers it by name has this in its `setup.cfg`:

    ```
    [options.entry_points]
    embedsearch.encoders =
        house = my_package:HouseEncoder
    ```

    It is then chosen as `house`, or as `house:http://10.0.0.5:8080`: what follows the first
    colon is given to the class.
    """

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are to be found: (n, d), a row for each, always the same d."""

    def encode_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts that are looked for: (n, d), of the same d as documents."""
