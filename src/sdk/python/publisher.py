"""Publish order and product updates to Tidings. One file, Python 3.9 or newer, nothing to install.

Copy it into your project as ``tidings.py`` and set TIDINGS_URL and TIDINGS_KEY:

    from tidings import publish_order_update, publish_product_update

    await publish_order_update(order.id, "order_shipped", {"carrier": "UPS", "tracking_number": "1Z999"})
    await publish_product_update("price_updated", {"product_id": product.id, "new_price": product.price})

Where nothing can be awaited, a ``Tidings`` publishes too:

    tidings = Tidings("https://tidings.example.workers.dev", key)
    tidings.publish_order_update(order.id, "order_delivered", {})

``data`` may hold Decimal, datetime, UUID, Enum, dataclasses and pydantic models. Every event gets its id before the
first try, so that it is applied once however often it is tried: network errors, 5xx and 429 are tried again, with
random, growing waits; every other refusal is a ``PublishError`` at once.
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
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

__all__ = ["AsyncTidings", "PublishError", "Tidings", "publish_batch", "publish_order_update", "publish_product_update"]

#: What a publish answers: ``id``, ``channel``, ``seq``, ``status`` and ``receivers``.
Result = Dict[str, Any]

_Call = concurrent.futures.Future

_FIRST_BACKOFF_SECONDS = 0.2
_MAX_BACKOFF_SECONDS = 5.0
_MAX_BATCH_EVENTS = 1000
_MAX_BATCH_BYTES = 1024 * 1024
_NO_TIME_LEFT = "There was no time left to send it"
#: Of an ``AsyncTidings``, for each service.
_MAX_THREADS = 16


class PublishError(Exception):
    """An event was not published, or it is not known whether it was. It never holds the key.

    status        the HTTP status, or None when no answer came
    type          ``urn:tidings:problem:<reason>`` as the service says it, or None
    errors        every bad field: ``[{"field": …, "message": …}]``
    ids           the ids of the events that failed; publishing them again with these is safe
    is_retryable  whether trying later, with the same ids, can succeed
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


class Tidings:
    """Publishes over HTTP, and returns when the event is applied. Safe to share between threads.

    url        the service; default: the environment's TIDINGS_URL
    key        one of its publish keys, without its name; default: the environment's TIDINGS_KEY
    timeout    how long one try may take, in seconds
    max_tries  how often an event is tried at most
    deadline   how long after the call nothing more is tried, in seconds
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
            raise ValueError("Set TIDINGS_URL, or give url: the service's http:// or https:// address")
        if not key or not all("\x21" <= character <= "\x7e" for character in key):
            raise ValueError("Set TIDINGS_KEY, or give key: a publish key, without spaces or line breaks")
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
        """Publishes an event to those who listen to an order.

        order_id    the order's UUID
        event_type  ``order_status_changed``, ``payment_status_changed``, ``order_shipped``, ``order_delivered`` or
                    ``order_cancelled``
        id          the event's id: the same id is applied once; default: a new UUID
        version     an integer that grows per order: what is not above the last one is ``stale`` and goes nowhere
        order       registers the order in the same call: ``{"user_id", "status", "payment_status"}``
        Raises PublishError when it was refused, or could not be published in time.
        """
        event = _event(event_type, data, id=id, version=version, order=order)
        return self._one(_order_path(order_id), event)(self._end())

    def publish_product_update(
        self,
        event_type: str,
        data: Any,
        *,
        id: Optional[str] = None,
        version: Optional[int] = None,
    ) -> Result:
        """Publishes an event to those who listen to products. ``data`` has a ``product_id``.

        event_type  ``product_created``, ``product_updated``, ``product_deleted``, ``inventory_updated``,
                    ``price_updated`` or ``product_status_changed``
        Raises PublishError when it was refused, or could not be published in time.
        """
        return self._one("products", _event(event_type, data, id=id, version=version))(self._end())

    def publish_batch(self, events: Sequence[Mapping[str, Any]]) -> List[Result]:
        """Publishes many events, in order per channel: ``{"channel": "order_<id>" or "products", "type", "data", …}``.

        Returns one result an event, in their order. An event that is refused stops no other one: its result is
        ``{"id", "status": "rejected", "error"}``.
        Raises PublishError when a call fails altogether; nothing behind it was sent then.
        """
        return self._many(_batch(events))(self._end())

    def __repr__(self) -> str:
        return f"Tidings({self._url!r})"

    def _end(self) -> float:
        """When a call that begins now is given up, as ``time.monotonic()`` counts."""
        return time.monotonic() + self._deadline

    def _one(self, path: str, event: Dict[str, Any]) -> Callable[[float], Result]:
        """What sends an event, as it is now, until a deadline."""
        body = _encode(event)

        def send(deadline: float) -> Result:
            try:
                return self._with_retries(deadline, lambda: self._post(path, body, deadline))
            except PublishError as error:
                error.ids = [event["id"]]
                raise

        return send

    def _many(self, ready: List[Dict[str, Any]]) -> Callable[[float], List[Result]]:
        """What sends events, until a deadline."""

        def send(deadline: float) -> List[Result]:
            results: List[Result] = []
            for texts, chunk in _chunks(ready):
                try:
                    results += self._send_chunk(texts, chunk, deadline)
                except PublishError as error:
                    error.ids = [event["id"] for event in ready[len(results) :]]
                    raise
            return results

        return send

    def _send_chunk(self, texts: List[str], chunk: List[Dict[str, Any]], deadline: float) -> List[Result]:
        """Sends a batch, and again those of its events whose channel was not reached."""
        results: List[Optional[Result]] = [None] * len(chunk)
        pending = list(range(len(chunk)))

        def attempt() -> None:
            nonlocal pending
            for i in pending:
                results[i] = None
            answer = self._post("batch", '{"events":[' + ",".join(texts[i] for i in pending) + "]}", deadline)
            answers = answer.get("results")
            if not isinstance(answers, list) or len(answers) != len(pending):
                raise PublishError("The service's answer to a batch has not one result an event")
            for i, result in zip(pending, answers):
                results[i] = {"id": chunk[i]["id"], **result}
            pending = [i for i in pending if _is_passing(((results[i] or {}).get("error") or {}).get("status", 0))]
            if pending:
                raise _refusal((results[pending[0]] or {})["error"], 0.0)

        try:
            self._with_retries(deadline, attempt)
        except PublishError:
            # Where every event has a result, the last of them says why it failed.
            if any(result is None for result in results):
                raise
        return [result for result in results if result is not None]

    def _with_retries(self, deadline: float, attempt: Any) -> Any:
        tries = 0
        while True:
            tries += 1
            try:
                return attempt()
            except PublishError as error:
                if not error.is_retryable or tries >= self._max_tries:
                    raise
                # "Full jitter": many publishers do not come back in step.
                bound = min(_MAX_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2 ** (tries - 1))
                wait = error.retry_after + random.uniform(0, bound)
                # To wait for a try that will not be made would only keep the caller from knowing.
                if time.monotonic() + wait >= deadline:
                    raise
            time.sleep(wait)

    def _post(self, path: str, body: str, deadline: float) -> Dict[str, Any]:
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
            raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error or type(error).__name__
            said = str(reason).replace(self._key, "[key]")
            raise PublishError(f"Cannot reach {self._url}: {said}", is_retryable=True) from None
        answer = _parse(text)
        if isinstance(answer, dict):
            return answer
        raise PublishError(f"{self._url} answered with status {status} and nothing that Tidings says", status=status)

    def _without_key(self, text: bytes) -> bytes:
        """What comes back ends up in errors; something in between may have put the request's headers into it."""
        return text.replace(self._key.encode(), b"[key]")

    def _refused(self, error: urllib.error.HTTPError) -> PublishError:
        retry_after = _retry_after(error.headers.get("Retry-After"))
        try:
            problem = _parse(self._without_key(error.read()))
        except (OSError, http.client.HTTPException):
            problem = None
        if isinstance(problem, dict) and isinstance(problem.get("status"), int) and "title" in problem:
            return _refusal(problem, retry_after)
        return PublishError(
            f"{self._url} answered with status {error.code} and nothing that Tidings says: is it the service's address?",
            status=error.code,
            is_retryable=_is_passing(error.code),
            retry_after=retry_after,
        )


class AsyncTidings:
    """A ``Tidings`` whose methods are awaited. Takes the same parameters.

    It sends from threads of its own, at most 16 for a service, so that a service that does not answer delays nothing
    else of the program. The deadline counts from the call: one that finds no free thread until then is not sent. There
    is nothing to close. The interpreter's exit waits for calls that are under way, until their deadline at most.
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
        return await self._run(self._tidings._one(_order_path(order_id), event), [event])

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
        return await self._run(self._tidings._one("products", event), [event])

    async def publish_batch(self, events: Sequence[Mapping[str, Any]]) -> List[Result]:
        """See ``Tidings.publish_batch``."""
        ready = _batch(events)
        return await self._run(self._tidings._many(ready), ready)

    async def _run(self, send: Callable[[float], Any], events: List[Dict[str, Any]]) -> Any:
        url, deadline = self._tidings._url, self._tidings._end()
        context = contextvars.copy_context()
        call = _threads_for(url).submit(lambda: context.run(send, deadline), deadline)
        try:
            # Not every wait of a thread ends by itself: a name server may be slow, an answer may come byte by byte.
            return await asyncio.wait_for(asyncio.wrap_future(call), deadline - time.monotonic())
        except asyncio.TimeoutError:
            said = _NO_TIME_LEFT if call.cancel() else f"Cannot reach {url}: no answer in time"
            error = PublishError(said, is_retryable=True)
            error.ids = [event["id"] for event in events]
            raise error from None


class _Threads:
    """Threads that send to one service. Each ends when nothing waits, so that there is nothing to close.

    They are daemons, because the interpreter waits for all others at its exit, however long they take; those of
    ``concurrent.futures`` are of the others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: collections.OrderedDict[_Call, Callable[[], Any]] = collections.OrderedDict()
        self._count = 0

    def submit(self, work: Callable[[], Any], deadline: float) -> _Call:
        call: _Call = concurrent.futures.Future()
        with self._lock:
            self._waiting[call] = work
            is_more = self._count < _MAX_THREADS
            if is_more:
                self._count += 1
        _deadlines[call] = deadline
        call.add_done_callback(self._forget)
        if is_more:
            self._start(call)
        return call

    def _start(self, call: _Call) -> None:
        try:
            threading.Thread(target=self._work, name="tidings-publish", daemon=True).start()
        except RuntimeError:
            # The system gives no more threads.
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
            del call, work

    def _forget(self, call: _Call) -> None:
        """One that was given up waits no longer, however long all threads are busy."""
        _deadlines.pop(call, None)
        with self._lock:
            self._waiting.pop(call, None)


#: By the service's address, so that one that does not answer takes no thread of another one.
_threads: Dict[str, _Threads] = {}
#: Of the calls that wait or are under way.
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
    # A forked process has its parent's lists, and none of its threads.
    os.register_at_fork(after_in_child=_forget_threads)


async def publish_order_update(
    order_id: Union[str, uuid.UUID], event_type: str, data: Any, **options: Any
) -> Result:
    """Publishes with TIDINGS_URL and TIDINGS_KEY; see ``Tidings.publish_order_update``."""
    return await _from_environment().publish_order_update(order_id, event_type, data, **options)


async def publish_product_update(event_type: str, data: Any, **options: Any) -> Result:
    """Publishes with TIDINGS_URL and TIDINGS_KEY; see ``Tidings.publish_product_update``."""
    return await _from_environment().publish_product_update(event_type, data, **options)


async def publish_batch(events: Sequence[Mapping[str, Any]]) -> List[Result]:
    """Publishes with TIDINGS_URL and TIDINGS_KEY; see ``Tidings.publish_batch``."""
    return await _from_environment().publish_batch(events)


def _from_environment() -> AsyncTidings:
    # It holds no connection and no thread, so there is nothing to keep between two calls.
    return AsyncTidings()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _event(event_type: str, data: Any, *, id: Optional[str] = None, **more: Any) -> Dict[str, Any]:
    """An event as it is sent, with the id that every try of it carries."""
    given = {name: value for name, value in more.items() if value is not None}
    return {**given, "type": _plain(event_type), "data": data, "id": id or str(uuid.uuid4())}


def _batch(events: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    return [_event(event["type"], **{k: v for k, v in event.items() if k != "type"}) for event in events]


def _order_path(order_id: Union[str, uuid.UUID]) -> str:
    return "orders/" + urllib.parse.quote(str(order_id), safe="")


def _encode(event: Mapping[str, Any]) -> str:
    # JSON has no NaN and no Infinity; what Python would write for them, nobody can read.
    return json.dumps(event, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """What JSON has no word for, in words that it has."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, decimal.Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is no number that JSON has")
        # The shortest text of the nearest double is the decimal itself up to 15 digits; readers have doubles.
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
    raise TypeError(f"{type(value).__name__} cannot be published: give a number, text, list or dict")


def _chunks(events: List[Dict[str, Any]]) -> Any:
    """Runs of events, as many as a call may have."""
    texts: List[str] = []
    chunk: List[Dict[str, Any]] = []
    size = 0
    for event in events:
        text = _encode(event)
        length = len(text.encode()) + 1
        if chunk and (len(chunk) == _MAX_BATCH_EVENTS or size + length > _MAX_BATCH_BYTES - len('{"events":[]}')):
            yield texts, chunk
            texts, chunk, size = [], [], 0
        texts.append(text)
        chunk.append(event)
        size += length
    if chunk:
        yield texts, chunk


def _is_passing(status: int) -> bool:
    return status >= 500 or status == 429


def _refusal(problem: Mapping[str, Any], retry_after: float) -> PublishError:
    errors = problem.get("errors") or []
    fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in errors)
    sentences = [f"Refused ({problem['status']}): {problem['title']}.", problem.get("detail"), fields]
    return PublishError(
        " ".join(sentence for sentence in sentences if sentence),
        status=problem["status"],
        type=problem.get("type"),
        errors=errors,
        is_retryable=_is_passing(problem["status"]),
        retry_after=retry_after,
    )


def _retry_after(text: Optional[str]) -> float:
    """Seconds, or a date (RFC 9110, section 10.2.3)."""
    if text is None:
        return 0.0
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
