"""Publish order and product updates to Tidings. One file, Python 3.9 or newer, no dependencies.

Copy this file into your project as ``tidings.py`` and set TIDINGS_URL and TIDINGS_KEY:

    from tidings import publish_order_update, publish_product_update

    await publish_order_update(order.id, "order_shipped", {"carrier": "UPS", "tracking_number": "1Z999"})
    await publish_product_update("price_updated", {"product_id": product.id, "new_price": product.price})

Synchronous code uses ``Tidings``:

    tidings = Tidings("https://tidings.example.workers.dev", key)
    tidings.publish_order_update(order.id, "order_delivered", {})

``data`` may contain Decimal, datetime, UUID, Enum, dataclasses and pydantic models (1 and 2). A value that JSON and
its readers in JavaScript cannot carry without change raises a ``PublishError`` that names the field, before anything is
sent: NaN, Infinity, an integer beyond 2^53, half of a surrogate pair, a set, a Decimal with more digits than a double
holds. Round such a Decimal (``price.quantize(Decimal("0.01"))``), or publish ``str(value)``; sort a set into a list.

Every event gets its id before the first try, and the service applies an id once, so retries are safe: network errors,
5xx and 429 are retried with growing, random waits, never before the time in ``Retry-After``. Any other refusal raises a
``PublishError`` immediately.
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import collections.abc
import concurrent.futures
import contextvars
import dataclasses
import datetime
import decimal
import email.utils
import enum
import functools
import http.client
import json
import math
import os
import random
import re
import ssl
import threading
import time
import urllib.parse
import urllib.request
import uuid
from typing import Any, Callable, Dict, Generic, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

__all__ = ["AsyncTidings", "PublishError", "Tidings", "publish_batch", "publish_order_update", "publish_product_update"]

#: The answer to a publish: ``id``, ``channel`` and ``status``: ``applied``, ``duplicate``, ``stale``, or ``queued``
#: (stored, delivered later). ``seq`` is None when stale; ``seq`` and ``receivers`` are missing when queued.
Result = Dict[str, Any]

_T = TypeVar("_T")

_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 5.0
_MAX_BATCH_EVENTS = 1000
_MAX_BATCH_BYTES = 1024 * 1024
_MAX_EVENT_BYTES = 64 * 1024
_EMPTY_BATCH_BYTES = len('{"events":[]}')
_MAX_SAFE_INTEGER = 2**53 - 1
_MAX_SHOWN_FIELDS = 10
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
#: Of all ``AsyncTidings`` together, per service.
_MAX_THREADS = 16
#: More than any useful timeout; sockets reject infinity.
_MAX_TIMEOUT_SECONDS = 86_400.0
#: More than any deadline, and still a time that the system can sleep.
_MAX_RETRY_AFTER_SECONDS = 1e9
_NO_TIME_LEFT = "There was no time left to send it"


class PublishError(Exception):
    """An event was not published, or its fate is unknown. The error never contains the key.

    status        the HTTP status; None without an answer, or if the event was not sent
    type          the service's ``urn:tidings:problem:<reason>``, or None
    errors        every bad field: ``[{"field": …, "message": …}]``
    ids           the ids of the events that failed; publishing them again with these ids is safe
    is_retryable  whether publishing again later, with the same ids, can succeed
    retry_after   how long the service asks to wait, in seconds; 0 if it does not say
    """

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        type: Optional[str] = None,
        errors: Sequence[Mapping[str, str]] = (),
        is_retryable: bool = False,
        retry_after: float = 0.0,
        ids: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.errors = list(errors)
        self.ids = list(ids)
        self.is_retryable = is_retryable
        self.retry_after = retry_after


# ---------------------------------------------------------------------------------------------------------------------
# Publishing: synchronous, asynchronous, and with settings from the environment
# ---------------------------------------------------------------------------------------------------------------------


class Tidings:
    """Publishes over HTTP. Each call returns once the service has applied or queued the event, or found that it is a
    duplicate or stale. Threads may share an instance.

    url        the service; default: TIDINGS_URL in the environment
    key        one of its publish keys, without its name; default: TIDINGS_KEY in the environment
    timeout    the longest wait within one attempt, in seconds: to connect, to send, or for more of the answer
    max_tries  the maximum number of attempts per event
    deadline   how long to keep trying, in seconds from the call
    """

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        timeout: float = 15.0,
        max_tries: int = 20,
        deadline: float = 30.0,
    ) -> None:
        url = url or os.environ.get("TIDINGS_URL") or ""
        key = key or os.environ.get("TIDINGS_KEY") or ""
        if not _is_service_url(url):
            raise ValueError("Set TIDINGS_URL, or pass url: the service's http:// or https:// address")
        for name, limit in (("timeout", timeout), ("deadline", deadline), ("max_tries", max_tries)):
            if not limit >= 0:
                raise ValueError(f"{name} must be a number, 0 or more")
        if not key or not all("\x21" <= character <= "\x7e" for character in key):
            raise ValueError("Set TIDINGS_KEY, or pass key: a publish key, without spaces or line breaks")
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = min(timeout, _MAX_TIMEOUT_SECONDS)
        self._max_tries = max_tries
        self._deadline = deadline
        self._opener = _opener()

    def publish_order_update(
        self,
        order_id: Union[str, uuid.UUID],
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
        order: Optional[Any] = None,
    ) -> Result:
        """Publishes an event to an order's listeners. Returns ``id``, ``channel``, ``status`` and, unless the event is
        ``queued``, ``seq`` and ``receivers``.

        order_id    the order's UUID
        event_type  ``order_created``, ``order_status_changed``, ``payment_status_changed``, ``order_shipped``,
                    ``order_delivered``, ``order_cancelled``, or a type of the service's EXTRA_EVENTS
        id          the event's id; the service applies each id once; default: a new UUID
        version     an integer that grows per order; unless it exceeds the last one applied, the event is ``stale``
        order       registers the order in the same call: ``{"user_id", "status", "payment_status"}``
        Raises PublishError when the event is refused, or cannot be published in time.
        """
        # `None`, as an unsaved order has, would select the products channel.
        prepared = self._prepare(str(order_id), event_type, data, id=id, version=version, order=order)
        return prepared.send(self._deadline_from_now())

    def publish_product_update(
        self,
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
    ) -> Result:
        """Publishes an event to the products' listeners. Returns the same as ``publish_order_update``.

        event_type  ``product_created``, ``product_updated``, ``product_deleted``, ``inventory_updated``,
                    ``price_updated``, ``product_status_changed``, or a type of the service's EXTRA_EVENTS
        data        needs a ``product_id``
        id          the event's id; the service applies each id once; default: a new UUID
        version     an integer that grows per product; unless it exceeds the last one applied, the event is ``stale``
        Raises PublishError when the event is refused, or cannot be published in time.
        """
        return self._prepare(None, event_type, data, id=id, version=version).send(self._deadline_from_now())

    def publish_batch(self, events: Sequence[Mapping[str, Any]]) -> List[Result]:
        """Publishes many events, in order per channel: ``{"channel": "order_<id>" or "products", "type", "data", …}``.

        Returns one result per event, in the same order: as ``publish_order_update`` returns it, or for a refused event,
        ``{"id", "status": "rejected", "error"}``. A refused event does not affect the others.
        Raises PublishError before anything is sent, when an event lacks its channel, type or data, or cannot be
        encoded: ``errors`` names every such event, and ``ids`` has those of all events. Also when a whole call fails;
        ``ids`` then has those of its events and of the later ones, which have not been sent.
        """
        return self._prepare_batch(events).send(self._deadline_from_now())

    def __repr__(self) -> str:
        return f"Tidings({self._url!r})"

    def _deadline_from_now(self) -> float:
        """Returns when to give up on a call that starts now, on the clock of ``time.monotonic()``."""
        return time.monotonic() + self._deadline

    def _prepare(
        self,
        order_id: Optional[str],
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
        order: Optional[Any] = None,
    ) -> _Prepared[Result]:
        """Encodes an event now. Without an order id, it is for the products channel."""
        event = {"type": event_type, "data": data, "id": _id(id), "version": version, "order": order}
        ids = [event["id"]]
        path = "products"
        if order_id is not None:
            if not _UUID.fullmatch(order_id):
                invalid_id = {"field": "order_id", "message": "must be a UUID"}
                raise _invalid([invalid_id], ids, "invalid_order_id")
            path = f"orders/{order_id}"
        try:
            body = _encode(event)
        except _NotJson as error:
            raise _invalid([error.problem], ids) from error.__cause__

        def send(deadline: float) -> Result:
            try:
                answer = self._with_retries(deadline, lambda: self._post(path, body, deadline))
            except PublishError as error:
                error.ids = ids
                raise
            if not _is_answer(answer):
                raise PublishError("The answer does not come from Tidings: is the URL the service's address?", ids=ids)
            return answer

        return _Prepared(ids, send)

    def _prepare_batch(self, events: Sequence[Mapping[str, Any]]) -> _Prepared[List[Result]]:
        """Encodes all events now, so that nothing is sent if one of them cannot be."""
        events = list(events)
        ids = [_id(event.get("id")) if isinstance(event, collections.abc.Mapping) else _id() for event in events]
        texts: List[str] = []
        errors: List[Mapping[str, str]] = []
        for i, event in enumerate(events):
            try:
                texts.append(_encode_batch_event(event, ids[i]))
            except _NotJson as error:
                field = f"events[{i}].{error.problem['field']}".rstrip(".")
                errors.append({"field": field, "message": error.problem["message"]})
        if errors:
            raise _invalid(errors, ids)

        def send(deadline: float) -> List[Result]:
            results: List[Result] = []
            try:
                for chunk in _chunks(texts):
                    chunk_ids = ids[len(results) : len(results) + len(chunk)]
                    if _EMPTY_BATCH_BYTES + len(chunk[0].encode()) + 1 > _MAX_BATCH_BYTES:
                        # It is alone. Its call would be refused, and the later events would not be sent.
                        results.append(_too_large(chunk_ids[0]))
                    else:
                        results += self._send_chunk(chunk, chunk_ids, deadline)
            except PublishError as error:
                error.ids = ids[len(results) :]
                raise
            return results

        return _Prepared(ids, send)

    def _send_chunk(self, texts: List[str], ids: List[str], deadline: float) -> List[Result]:
        """Sends one batch call, then again the events whose channel was unreachable."""
        results: List[Optional[Result]] = [None] * len(texts)
        pending = list(range(len(texts)))

        def attempt() -> None:
            nonlocal pending
            for i in pending:
                results[i] = None
            answer = self._post("batch", '{"events":[' + ",".join(texts[i] for i in pending) + "]}", deadline)
            answers = answer.get("results")
            if not isinstance(answers, list) or len(answers) != len(pending):
                raise PublishError("The service's answer to a batch does not have one result per event")
            for i, result in zip(pending, answers):
                results[i] = _batch_result(result, ids[i])
            pending = [i for i in pending if _is_transient(_error_of(results[i]).get("status", 0))]
            if pending:
                raise _refusal(_error_of(results[pending[0]]), 0.0)

        try:
            self._with_retries(deadline, attempt)
        except PublishError:
            # If every event has a result, the last results say why the events failed.
            if any(result is None for result in results):
                raise
        return [result for result in results if result is not None]

    def _with_retries(self, deadline: float, attempt: Callable[[], _T]) -> _T:
        """Retries until an attempt succeeds or fails for good, or until attempts or time run out."""
        failures = 0
        while True:
            try:
                return attempt()
            except PublishError as error:
                if not error.is_retryable or failures + 1 >= self._max_tries:
                    raise
                wait = error.retry_after + _full_jitter(failures)
                # Fail now if the next attempt would come too late.
                if time.monotonic() + wait >= deadline:
                    raise
            failures += 1
            time.sleep(wait)

    def _post(self, path: str, body: str, deadline: float) -> Dict[str, Any]:
        """Sends a request once and returns the answer's JSON object. Raises PublishError for anything else."""
        timeout = min(self._timeout, deadline - time.monotonic())
        if timeout <= 0:
            raise PublishError(_NO_TIME_LEFT, is_retryable=True)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        url = f"{self._url}/api/v1/publish/{path}"
        request = urllib.request.Request(url, body.encode(), headers, method="POST")
        try:
            with self._opener.open(request, timeout=timeout) as response:
                is_ok = 200 <= response.status < 300
                try:
                    text = response.read()
                except (OSError, http.client.HTTPException):
                    if is_ok:
                        raise
                    # A refusal counts even if its body breaks off: its status and Retry-After have arrived.
                    text = b""
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A ValueError is a host name that cannot be looked up; trying again does not help.
            cause = getattr(error, "reason", None) or error
            reason = (str(cause) or type(cause).__name__).replace(self._key, "[key]")
            is_retryable = not isinstance(error, ValueError)
            raise PublishError(f"Cannot reach {self._url}: {reason}", is_retryable=is_retryable) from None
        # A proxy may have echoed the request's headers, and the answer may end up in an error.
        answer = _parse(text.replace(self._key.encode(), b"[key]"))
        if is_ok and isinstance(answer, dict):
            return answer
        retry_after = _retry_after(response.headers.get("Retry-After"))
        if not is_ok and _is_problem(answer):
            raise _refusal(answer, retry_after)
        raise PublishError(
            f"{self._url} answered with status {response.status}, but not as Tidings does: is it the service's address?",
            status=response.status,
            is_retryable=_is_transient(response.status),
            retry_after=retry_after,
        )


class AsyncTidings:
    """A ``Tidings`` whose methods are awaited, under asyncio. Takes the same parameters. Needs no closing.

    Under trio, use a ``Tidings``: ``await trio.to_thread.run_sync(lambda: tidings.publish_product_update(…))``. Calls
    without asyncio raise a PublishError, and nothing is sent.

    It sends from its own threads, at most 16 per service, so that a service that does not respond delays nothing else
    in the program. A call that gets no free thread before its deadline is not sent. At exit, the interpreter waits for
    running calls, at most until their deadlines.
    """

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, **options: Any) -> None:
        self._tidings = Tidings(url, key, **options)

    async def publish_order_update(
        self, order_id: Union[str, uuid.UUID], event_type: str, data: Any, **options: Any
    ) -> Result:
        """See ``Tidings.publish_order_update``, which has the same options."""
        return await self._run(self._tidings._prepare(str(order_id), event_type, data, **options))

    async def publish_product_update(self, event_type: str, data: Any, **options: Any) -> Result:
        """See ``Tidings.publish_product_update``, which has the same options."""
        return await self._run(self._tidings._prepare(None, event_type, data, **options))

    async def publish_batch(self, events: Sequence[Mapping[str, Any]]) -> List[Result]:
        """See ``Tidings.publish_batch``."""
        return await self._run(self._tidings._prepare_batch(events))

    async def _run(self, prepared: _Prepared[_T]) -> _T:
        # Checked before anything is sent: outside asyncio, nothing could await the answer.
        if not _is_in_asyncio():
            message = "AsyncTidings needs asyncio, so nothing was sent. Elsewhere, call a Tidings in a thread"
            raise PublishError(message, ids=prepared.ids)
        url, deadline = self._tidings._url, self._tidings._deadline_from_now()
        context = contextvars.copy_context()
        try:
            call = _threads.setdefault(url, _Threads()).submit(lambda: context.run(prepared.send, deadline), deadline)
        except RuntimeError as error:
            message = f"There is no thread to send it: {error}"
            raise PublishError(message, is_retryable=True, ids=prepared.ids) from None
        try:
            # A thread may block beyond its timeout: in a slow name lookup, or on an answer that arrives byte by byte.
            return await asyncio.wait_for(asyncio.wrap_future(call), deadline - time.monotonic())
        except asyncio.TimeoutError:
            message = _NO_TIME_LEFT if call.cancel() else f"Cannot reach {url}: no answer in time"
            raise PublishError(message, is_retryable=True, ids=prepared.ids) from None


def _is_in_asyncio() -> bool:
    """Whether an asyncio task is running. A trio task is not one, even if trio runs as a guest of an asyncio loop."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


async def publish_order_update(
    order_id: Union[str, uuid.UUID], event_type: str, data: Any, **options: Any
) -> Result:
    """Publishes with TIDINGS_URL and TIDINGS_KEY. See ``Tidings.publish_order_update``."""
    return await AsyncTidings().publish_order_update(order_id, event_type, data, **options)


async def publish_product_update(event_type: str, data: Any, **options: Any) -> Result:
    """Publishes with TIDINGS_URL and TIDINGS_KEY. See ``Tidings.publish_product_update``."""
    return await AsyncTidings().publish_product_update(event_type, data, **options)


async def publish_batch(events: Sequence[Mapping[str, Any]]) -> List[Result]:
    """Publishes with TIDINGS_URL and TIDINGS_KEY. See ``Tidings.publish_batch``."""
    return await AsyncTidings().publish_batch(events)


# ---------------------------------------------------------------------------------------------------------------------
# Threads of the async publisher
# ---------------------------------------------------------------------------------------------------------------------

_Call = concurrent.futures.Future


class _Threads:
    """The threads that send to one service. A thread ends when no call is waiting, so nothing needs closing.

    ``concurrent.futures`` does not fit: at exit, the interpreter waits for its threads, however long they take. These
    threads are daemons.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: collections.deque[Tuple[_Call, Callable[[], Any]]] = collections.deque()
        self._count = 0

    def submit(self, work: Callable[[], Any], deadline: float) -> _Call:
        """Raises RuntimeError if the system allows no more threads."""
        call: _Call = concurrent.futures.Future()
        with self._lock:
            if self._count < _MAX_THREADS:
                threading.Thread(target=self._work, name="tidings-publish", daemon=True).start()
                self._count += 1
            self._waiting.append((call, work))
        _deadlines[call] = deadline
        call.add_done_callback(lambda call: _deadlines.pop(call, None))
        return call

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._count -= 1
                    return
                call, work = self._waiting.popleft()
            # False for a call that was cancelled before a thread was free.
            if not call.set_running_or_notify_cancel():
                continue
            try:
                call.set_result(work())
            except BaseException as error:
                call.set_exception(error)
            # Breaks the cycle of a failed call: its error's traceback refers to this frame.
            del call, work


#: By URL, so that a service that does not respond uses no thread of another service.
_threads: Dict[str, _Threads] = {}
#: The deadline of every call that is waiting or running.
_deadlines: Dict[_Call, float] = {}


@atexit.register
def _wait_for_calls() -> None:
    deadlines = dict(_deadlines)
    if deadlines:
        wait = max(deadlines.values()) - time.monotonic()
        concurrent.futures.wait(deadlines, min(max(0.0, wait), threading.TIMEOUT_MAX))


def _forget_threads() -> None:
    _threads.clear()
    _deadlines.clear()


if hasattr(os, "register_at_fork"):
    # A forked process inherits these dictionaries, but not the threads.
    os.register_at_fork(after_in_child=_forget_threads)


# ---------------------------------------------------------------------------------------------------------------------
# Requests
# ---------------------------------------------------------------------------------------------------------------------


class _Prepared(Generic[_T]):
    """Events that are encoded, and the function that sends them until a deadline."""

    # Not a dataclass: those need their module in `sys.modules`, where some loaders do not put it.
    def __init__(self, ids: List[str], send: Callable[[float], _T]) -> None:
        self.ids = ids
        self.send = send


def _id(id: Any = None) -> str:
    """Returns an event's id, which every try carries. ``None`` gets a new one."""
    return str(uuid.uuid4() if id is None else _value_of(id))


def _encode_batch_event(event: Any, id: str) -> str:
    if not isinstance(event, collections.abc.Mapping):
        raise _NotJson("", "must be a dict with channel, type and data")
    for name in ("channel", "type", "data"):
        if name not in event:
            raise _NotJson(name, "is missing")
    return _encode({**event, "id": id})


def _chunks(texts: List[str]) -> Iterator[List[str]]:
    """Splits encoded events into runs that fit into one batch call each."""
    chunk: List[str] = []
    size = _EMPTY_BATCH_BYTES
    for text in texts:
        length = len(text.encode()) + 1
        if chunk and (len(chunk) == _MAX_BATCH_EVENTS or size + length > _MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], _EMPTY_BATCH_BYTES
        chunk.append(text)
        size += length
    if chunk:
        yield chunk


def _is_service_url(url: str) -> bool:
    # Blanks and control characters, because ``urlsplit`` removes some of them. Paths are appended to the URL, so it may
    # have neither a query nor a fragment.
    if re.search(r"[\x00-\x20\x7f?#]", url):
        return False
    try:
        parts = urllib.parse.urlsplit(url)
        has_user = parts.username or parts.password
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not has_user and parts.port != 0
    except ValueError:
        # Not a host, or not a port.
        return False


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Passes on every answer as it is. A redirect is not followed, because it could carry the key to another host."""

    def http_response(self, request: Any, response: Any) -> Any:
        return response

    https_response = http_response


@functools.lru_cache(maxsize=None)
def _opener() -> urllib.request.OpenerDirector:
    """Builds the opener once, with the system's certificates, which take about 25 ms to load. Without a context, Python
    before 3.12 loads them for each connection, in the sending thread: a process that forks meanwhile may hang."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return urllib.request.build_opener(_AnyStatus, urllib.request.HTTPSHandler(context=context))


# ---------------------------------------------------------------------------------------------------------------------
# Encoding: only what JSON, and its readers in JavaScript, carry without change
# ---------------------------------------------------------------------------------------------------------------------


class _NotJson(Exception):
    """A value that cannot be carried, and the path to it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.problem = {"field": field.lstrip("."), "message": message}


def _invalid(
    errors: Sequence[Mapping[str, str]], ids: Sequence[str], reason: str = "validation_failed"
) -> PublishError:
    """Creates the error for fields that were refused before anything was sent."""
    shown = [f"{error['field']}: {error['message']}" for error in errors[:_MAX_SHOWN_FIELDS]]
    if len(errors) > len(shown):
        shown.append(f"and {len(errors) - len(shown)} more")
    # A field's name may be what cannot be encoded; the message can always be printed.
    message = "; ".join(shown).encode("utf-8", "backslashreplace").decode()
    return PublishError(message, type=f"urn:tidings:problem:{reason}", errors=errors, ids=ids)


def _encode(event: Mapping[str, Any]) -> str:
    """Encodes an event, without members that are None. Raises _NotJson for what cannot be carried."""
    plain = {}
    field = ""
    try:
        for name, value in event.items():
            if value is not None:
                field = f".{name}"
                plain[_key(name, "")] = _plain(value, field, ())
        return json.dumps(plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except _NotJson:
        raise
    except Exception as error:
        # A model's own conversion failed, or the nesting exhausts the stack. The error may contain the event.
        raise _NotJson(field, f"is not JSON ({type(error).__name__} while it was converted)") from error


def _plain(value: Any, field: str, parents: Tuple[int, ...]) -> Any:
    """Returns a value as JSON's own types. ``parents`` has the ids of the containers around it."""
    value = _value_of(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, field)
    if isinstance(value, (int, float, decimal.Decimal)):
        return _number(value, field)
    if id(value) in parents:
        raise _NotJson(field, "is not JSON (contains itself)")
    parents += (id(value),)
    if isinstance(value, collections.abc.Mapping):
        members = [(_key(key, field), member) for key, member in value.items()]
        plain = {key: _plain(member, f"{field}.{key}", parents) for key, member in members}
        if len(plain) < len(members):
            raise _NotJson(field, "has two keys that are the same text")
        return plain
    # Not sets: their order differs per process, so publishing again with the same id would send another body.
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{field}[{i}]", parents) for i, item in enumerate(value)]
    raise _NotJson(field, f"is not JSON ({type(value).__name__}): use a number, text, list or dict")


def _value_of(value: Any) -> Any:
    """Converts the types of Python and pydantic that have an obvious form in JSON; returns others unchanged."""
    while isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, type):
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    # Pydantic 2, then pydantic 1.
    for method in ("model_dump", "dict"):
        if callable(getattr(type(value), method, None)):
            dumped = getattr(value, method)()
            # Pydantic 1 wraps a model with a custom root type.
            is_wrapped = isinstance(dumped, dict) and list(dumped) == ["__root__"]
            return _value_of(dumped["__root__"] if is_wrapped else dumped)
    return value


def _text(value: str, field: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _NotJson(field, "is not JSON (half of a surrogate pair)") from None
    return value


def _key(key: Any, field: str) -> str:
    key = _value_of(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return str(int(key))
    if isinstance(key, str):
        return _text(key, f"{field}.{key}")
    raise _NotJson(field, f"has a key that is not text ({type(key).__name__})")


def _number(value: Union[int, float, decimal.Decimal], field: str) -> Union[int, float]:
    """Returns a number that a double, which is all that JavaScript has, can hold."""
    is_decimal = isinstance(value, decimal.Decimal)
    if is_decimal and not value.is_finite() or isinstance(value, float) and not math.isfinite(value):
        raise _NotJson(field, f"is not JSON ({value})")
    is_whole = value == value.to_integral_value() if is_decimal else isinstance(value, int) or value.is_integer()
    if is_whole and not -_MAX_SAFE_INTEGER <= value <= _MAX_SAFE_INTEGER:
        raise _NotJson(field, "is an integer beyond 2^53, which JavaScript would change: send it as a string")
    if is_decimal:
        if is_whole:
            return int(value)
        # The shortest text of the nearest double: what a reader in JavaScript would print.
        if decimal.Decimal(repr(float(value))) != value:
            raise _NotJson(field, "has more digits than JavaScript would keep: round it, or send it as a string")
        return float(value)
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Answers and retries
# ---------------------------------------------------------------------------------------------------------------------


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in ("id", "channel", "status"))


def _is_problem(value: Any) -> bool:
    """Whether this is an error in the service's own form (RFC 9457)."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("title"), str)
        and isinstance(value.get("status"), int)
        and isinstance(value.get("errors", []), list)
        and all(isinstance(error, dict) for error in value.get("errors", []))
    )


def _error_of(result: Any) -> Mapping[str, Any]:
    """Returns why an event of a batch was refused; empty if it was not."""
    error = result.get("error") if isinstance(result, dict) else None
    return error if _is_problem(error) else {}


def _batch_result(result: Any, id: str) -> Result:
    if _is_answer(result) or _error_of(result):
        return {"id": id, **result}
    error = {"type": "about:blank", "title": "The result is not valid", "status": 400}
    return {"id": id, "status": "rejected", "error": error}


def _too_large(id: str) -> Result:
    error = {
        "type": "urn:tidings:problem:body_too_large",
        "title": "Body too large",
        "status": 413,
        "detail": f"An event has at most {_MAX_EVENT_BYTES} bytes.",
    }
    return {"id": id, "status": "rejected", "error": error}


def _refusal(problem: Mapping[str, Any], retry_after: float) -> PublishError:
    """Creates an error from the service's own explanation (RFC 9457)."""
    errors = problem.get("errors") or []
    fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in errors)
    sentences = [f"Refused ({problem['status']}): {problem['title']}.", problem.get("detail"), fields]
    return PublishError(
        " ".join(str(sentence) for sentence in sentences if sentence),
        status=problem["status"],
        type=problem.get("type"),
        errors=errors,
        is_retryable=_is_transient(problem["status"]),
        retry_after=retry_after,
    )


def _is_transient(status: int) -> bool:
    """Whether the same request can succeed later: the service is down, or limits the rate."""
    return status >= 500 or status == 429


def _retry_after(text: Optional[str]) -> float:
    """Parses ``Retry-After``, seconds or a date (RFC 9110, section 10.2.3), into seconds from now."""
    text = (text or "").strip()
    if re.fullmatch("[0-9]+", text):
        return min(float(text), _MAX_RETRY_AFTER_SECONDS)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    # The oldest of the three formats of a date does not say that it is GMT.
    date = date if date.tzinfo else date.replace(tzinfo=datetime.timezone.utc)
    seconds = (date - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    return min(max(0.0, seconds), _MAX_RETRY_AFTER_SECONDS)


def _full_jitter(failures: int) -> float:
    """Returns a random wait below a ceiling that doubles per failure, so that publishers do not retry in step."""
    return random.uniform(0, min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** min(failures, 16)))
