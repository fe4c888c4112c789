"""Publish order and product updates to Tidings. One file, Python 3.9 or newer, no dependencies.

Copy this file into your project as ``tidings.py`` and set TIDINGS_URL and TIDINGS_KEY:

    from tidings import publish_order_update, publish_product_update

    await publish_order_update(order.id, "order_shipped", {"carrier": "UPS", "tracking_number": "1Z999"})
    await publish_product_update("price_updated", {"product_id": product.id, "new_price": product.price})

Synchronous code uses ``Tidings``:

    tidings = Tidings("https://tidings.example.workers.dev", key)
    tidings.publish_order_update(order.id, "order_delivered", {})

``data`` may contain Decimal, datetime, UUID, Enum, dataclasses and pydantic models. Every event gets its id before the
first attempt, and the service applies each id once, so retries are safe: network errors, 5xx and 429 are retried with
growing, random waits. Any other refusal raises a ``PublishError`` immediately.
"""

from __future__ import annotations

import asyncio
import atexit
import collections
import concurrent.futures
import contextvars
import dataclasses
import datetime
import decimal
import email.utils
import enum
import http.client
import json
import os
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

__all__ = ["AsyncTidings", "PublishError", "Tidings", "publish_batch", "publish_order_update", "publish_product_update"]

#: The answer to a publish: ``id``, ``channel``, ``seq``, ``status`` and ``receivers``.
Result = Dict[str, Any]

_Event = Dict[str, Any]
_T = TypeVar("_T")

_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 5.0
_MAX_BATCH_EVENTS = 1000
_MAX_BATCH_BYTES = 1024 * 1024
_EMPTY_BATCH_BYTES = len('{"events":[]}')
#: Of all ``AsyncTidings`` together, per service.
_MAX_THREADS = 16
_NO_TIME_LEFT = "There was no time left to send it"


class PublishError(Exception):
    """An event was not published, or its fate is unknown. The error never contains the key.

    status        the HTTP status, or None without an answer
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
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.errors = list(errors)
        self.ids: List[str] = []
        self.is_retryable = is_retryable
        self.retry_after = retry_after


# ---------------------------------------------------------------------------------------------------------------------
# Publishing: synchronous, asynchronous, and with settings from the environment
# ---------------------------------------------------------------------------------------------------------------------


class Tidings:
    """Publishes over HTTP. Each call returns once the event is applied. Threads may share an instance.

    url        the service; default: TIDINGS_URL in the environment
    key        one of its publish keys, without its name; default: TIDINGS_KEY in the environment
    timeout    the maximum duration of one attempt, in seconds
    max_tries  the maximum number of attempts per event
    deadline   how long to keep trying, in seconds from the call
    """

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        timeout: float = 15.0,
        max_tries: int = 5,
        deadline: float = 30.0,
    ) -> None:
        url = url or os.environ.get("TIDINGS_URL") or ""
        key = key or os.environ.get("TIDINGS_KEY") or ""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("Set TIDINGS_URL, or pass url: the service's http:// or https:// address")
        if not key or not all("\x21" <= character <= "\x7e" for character in key):
            raise ValueError("Set TIDINGS_KEY, or pass key: a publish key, without spaces or line breaks")
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._max_tries = max_tries
        self._deadline = deadline
        # A redirect could carry the key to another host.
        self._opener = urllib.request.build_opener(_NoRedirects)

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
        """Publishes an event to an order's listeners.

        order_id    the order's UUID
        event_type  ``order_status_changed``, ``payment_status_changed``, ``order_shipped``, ``order_delivered`` or
                    ``order_cancelled``
        id          the event's id; the service applies each id once; default: a new UUID
        version     an integer that grows per order; unless it exceeds the last one applied, the event is ``stale``
        order       registers the order in the same call: ``{"user_id", "status", "payment_status"}``
        Raises PublishError when the event is refused, or cannot be published in time.
        """
        event = _event(event_type, data, id=id, version=version, order=order)
        return self._prepare(_order_path(order_id), event)(self._deadline_from_now())

    def publish_product_update(
        self,
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
    ) -> Result:
        """Publishes an event to the products' listeners. ``data`` needs a ``product_id``.

        event_type  ``product_created``, ``product_updated``, ``product_deleted``, ``inventory_updated``,
                    ``price_updated`` or ``product_status_changed``
        Raises PublishError when the event is refused, or cannot be published in time.
        """
        event = _event(event_type, data, id=id, version=version)
        return self._prepare("products", event)(self._deadline_from_now())

    def publish_batch(self, events: Sequence[Mapping[str, Any]]) -> List[Result]:
        """Publishes many events, in order per channel: ``{"channel": "order_<id>" or "products", "type", "data", …}``.

        Returns one result per event, in the same order. A refused event does not affect the others; its result is
        ``{"id", "status": "rejected", "error"}``.
        Raises PublishError when a whole call fails; later events are not sent.
        """
        return self._prepare_batch(_batch(events))(self._deadline_from_now())

    def __repr__(self) -> str:
        return f"Tidings({self._url!r})"

    def _deadline_from_now(self) -> float:
        """Returns when to give up on a call that starts now, on the clock of ``time.monotonic()``."""
        return time.monotonic() + self._deadline

    def _prepare(self, path: str, event: _Event) -> Callable[[float], Result]:
        """Encodes an event now, and returns a function that sends it until a deadline."""
        body = _encode(event)

        def send(deadline: float) -> Result:
            try:
                return self._with_retries(deadline, lambda: self._post(path, body, deadline))
            except PublishError as error:
                error.ids = [event["id"]]
                raise

        return send

    def _prepare_batch(self, events: List[_Event]) -> Callable[[float], List[Result]]:
        """Returns a function that sends events until a deadline."""

        def send(deadline: float) -> List[Result]:
            results: List[Result] = []
            for texts, chunk in _chunks(events):
                try:
                    results += self._send_chunk(texts, chunk, deadline)
                except PublishError as error:
                    error.ids = [event["id"] for event in events[len(results) :]]
                    raise
            return results

        return send

    def _send_chunk(self, texts: List[str], chunk: List[_Event], deadline: float) -> List[Result]:
        """Sends one batch call, then again the events whose channel was unreachable."""
        results: List[Optional[Result]] = [None] * len(chunk)
        pending = list(range(len(chunk)))

        def attempt() -> None:
            nonlocal pending
            for i in pending:
                results[i] = None
            answer = self._post("batch", '{"events":[' + ",".join(texts[i] for i in pending) + "]}", deadline)
            answers = answer.get("results")
            if not isinstance(answers, list) or len(answers) != len(pending):
                raise PublishError("The service's answer to a batch does not have one result per event")
            for i, result in zip(pending, answers):
                results[i] = {"id": chunk[i]["id"], **result}
            pending = [i for i in pending if _is_transient(((results[i] or {}).get("error") or {}).get("status", 0))]
            if pending:
                raise _refusal((results[pending[0]] or {})["error"], 0.0)

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
                status, text = response.status, self._without_key(response.read())
        except urllib.error.HTTPError as error:
            raise self._http_error(error) from None
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", None) or error or type(error).__name__
            reason = str(cause).replace(self._key, "[key]")
            raise PublishError(f"Cannot reach {self._url}: {reason}", is_retryable=True) from None
        answer = _parse(text)
        if isinstance(answer, dict):
            return answer
        raise PublishError(f"{self._url} answered with status {status}, but not as Tidings does", status=status)

    def _http_error(self, error: urllib.error.HTTPError) -> PublishError:
        retry_after = _retry_after(error.headers.get("Retry-After"))
        try:
            problem = _parse(self._without_key(error.read()))
        except (OSError, http.client.HTTPException):
            problem = None
        if isinstance(problem, dict) and isinstance(problem.get("status"), int) and "title" in problem:
            return _refusal(problem, retry_after)
        return PublishError(
            f"{self._url} answered with status {error.code}, but not as Tidings does: is it the service's address?",
            status=error.code,
            is_retryable=_is_transient(error.code),
            retry_after=retry_after,
        )

    def _without_key(self, text: bytes) -> bytes:
        """Removes the key from text that may end up in an error: a proxy may have echoed the request's headers."""
        return text.replace(self._key.encode(), b"[key]")


class AsyncTidings:
    """A ``Tidings`` with coroutine methods. Takes the same parameters. Needs no closing.

    It sends from its own threads, at most 16 per service, so that a service that does not respond delays nothing else in
    the program. A call that gets no free thread before its deadline is not sent. At exit, the interpreter waits for
    running calls, at most until their deadlines.
    """

    def __init__(self, url: Optional[str] = None, key: Optional[str] = None, **options: Any) -> None:
        self._tidings = Tidings(url, key, **options)

    async def publish_order_update(
        self,
        order_id: Union[str, uuid.UUID],
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
        order: Optional[Any] = None,
    ) -> Result:
        """See ``Tidings.publish_order_update``."""
        event = _event(event_type, data, id=id, version=version, order=order)
        return await self._run(self._tidings._prepare(_order_path(order_id), event), [event])

    async def publish_product_update(
        self,
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
    ) -> Result:
        """See ``Tidings.publish_product_update``."""
        event = _event(event_type, data, id=id, version=version)
        return await self._run(self._tidings._prepare("products", event), [event])

    async def publish_batch(self, events: Sequence[Mapping[str, Any]]) -> List[Result]:
        """See ``Tidings.publish_batch``."""
        batch = _batch(events)
        return await self._run(self._tidings._prepare_batch(batch), batch)

    async def _run(self, send: Callable[[float], _T], events: List[_Event]) -> _T:
        url, deadline = self._tidings._url, self._tidings._deadline_from_now()
        context = contextvars.copy_context()
        call = _threads_for(url).submit(lambda: context.run(send, deadline), deadline)
        try:
            # A thread may block beyond its timeout: in a slow name lookup, or on an answer that arrives byte by byte.
            return await asyncio.wait_for(asyncio.wrap_future(call), deadline - time.monotonic())
        except asyncio.TimeoutError:
            message = _NO_TIME_LEFT if call.cancel() else f"Cannot reach {url}: no answer in time"
            error = PublishError(message, is_retryable=True)
            error.ids = [event["id"] for event in events]
            raise error from None


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
        self._waiting: collections.OrderedDict[_Call, Callable[[], Any]] = collections.OrderedDict()
        self._count = 0

    def submit(self, work: Callable[[], Any], deadline: float) -> _Call:
        call: _Call = concurrent.futures.Future()
        with self._lock:
            self._waiting[call] = work
            needs_thread = self._count < _MAX_THREADS
            if needs_thread:
                self._count += 1
        _deadlines[call] = deadline
        call.add_done_callback(self._forget)
        if needs_thread:
            self._start_thread(call)
        return call

    def _start_thread(self, call: _Call) -> None:
        try:
            threading.Thread(target=self._work, name="tidings-publish", daemon=True).start()
        except RuntimeError:
            # The system allows no more threads.
            with self._lock:
                self._count -= 1
            call.cancel()
            raise

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._count -= 1
                    return
                call, work = self._waiting.popitem(last=False)
            if not call.set_running_or_notify_cancel():
                continue
            try:
                call.set_result(work())
            except BaseException as error:
                call.set_exception(error)
            # Keeps no finished call alive while waiting for the next one.
            del call, work

    def _forget(self, call: _Call) -> None:
        """Removes a call that has finished, or was cancelled before a thread was free."""
        _deadlines.pop(call, None)
        with self._lock:
            self._waiting.pop(call, None)


#: By URL, so that a service that does not respond uses no thread of another service.
_threads: Dict[str, _Threads] = {}
#: The deadline of every call that is waiting or running.
_deadlines: Dict[_Call, float] = {}


def _threads_for(url: str) -> _Threads:
    return _threads.setdefault(url, _Threads())


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


def _event(event_type: str, data: Any, *, id: Optional[str] = None, **more: Any) -> _Event:
    """Returns an event ready to encode, with the id that every attempt uses."""
    optional = {name: value for name, value in more.items() if value is not None}
    return {**optional, "type": _plain(event_type), "data": data, "id": id or str(uuid.uuid4())}


def _batch(events: Sequence[Mapping[str, Any]]) -> List[_Event]:
    return [_event(event["type"], **{k: v for k, v in event.items() if k != "type"}) for event in events]


def _order_path(order_id: Union[str, uuid.UUID]) -> str:
    return "orders/" + urllib.parse.quote(str(order_id), safe="")


def _chunks(events: List[_Event]) -> Iterator[Tuple[List[str], List[_Event]]]:
    """Splits events into runs that fit into one batch call each, with their JSON."""
    texts: List[str] = []
    chunk: List[_Event] = []
    size = _EMPTY_BATCH_BYTES
    for event in events:
        text = _encode(event)
        length = len(text.encode()) + 1
        if chunk and (len(chunk) == _MAX_BATCH_EVENTS or size + length > _MAX_BATCH_BYTES):
            yield texts, chunk
            texts, chunk, size = [], [], _EMPTY_BATCH_BYTES
        texts.append(text)
        chunk.append(event)
        size += length
    if chunk:
        yield texts, chunk


def _encode(event: Mapping[str, Any]) -> str:
    # allow_nan=False: NaN and Infinity, as Python would write them, are not JSON.
    return json.dumps(event, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Converts a value that JSON does not have into one that it has."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} cannot be published: JSON has no such number")
        # Up to 15 digits, the nearest double prints as the decimal itself; readers of JSON use doubles.
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be published: use a number, text, list or dict")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


# ---------------------------------------------------------------------------------------------------------------------
# Answers and retries
# ---------------------------------------------------------------------------------------------------------------------


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _refusal(problem: Mapping[str, Any], retry_after: float) -> PublishError:
    """Creates an error from the service's own explanation (RFC 9457)."""
    errors = problem.get("errors") or []
    fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in errors)
    sentences = [f"Refused ({problem['status']}): {problem['title']}.", problem.get("detail"), fields]
    return PublishError(
        " ".join(sentence for sentence in sentences if sentence),
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
    if text is None:
        return 0.0
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _full_jitter(failures: int) -> float:
    """Returns a random wait below a ceiling that doubles per failure, so that publishers do not retry in step."""
    return random.uniform(0, min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** min(failures, 16)))
