"""Reading, hashing and decompressing in a thread of its own, so that they overlap with the writing of files.

All of zlib's, hashlib's and the kernel's work is done without the interpreter's lock.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator

AHEAD = 8  # chunks


class ReadAhead:
    """Iterates over what another iterator yields, which runs a few steps ahead. Use it in a `with`: the thread ends with that.

    An exception of the iterator is raised here, after the chunks before it.
    """

    def __init__(self, chunks: Generator[bytes]) -> None:
        self._chunks = chunks
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
        self._unwanted = False
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> ReadAhead:
        self._thread.start()
        return self

    def __exit__(self, *_reason: object) -> None:
        self._unwanted = True
        while self._thread.is_alive():
            # It may wait for a place in the queue.
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()
            self._thread.join(0.01)

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._queue.get()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    def _run(self) -> None:
        try:
            for chunk in self._chunks:
                if self._unwanted:
                    break
                self._queue.put(chunk)
            self._queue.put(None)
        except BaseException as error:  # to be raised by the one who reads
            self._queue.put(error)
        finally:
            self._chunks.close()
