# Copyright (c) 2026, Vonage Archiving Contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated clients of S3 and IAM, and simulated HTTP: every call pauses before and after it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from ansible_collections.vonage.archiving.plugins.module_utils._aws import session, time_budget
from ansible_collections.vonage.archiving.plugins.module_utils._core.http_client import Response

from . import faults
from .responses import OPERATOR, REGION, ApiError, camel_case, respond
from .s3_model import Caller
from .scheduler import Run

if TYPE_CHECKING:
    from .world import World

AWS_ENDPOINTS = {"s3": f"https://s3.{REGION}.amazonaws.com", "iam": "https://iam.amazonaws.com"}


class Client:
    """A client of botocore for one service and one set of credentials.

    :param tries: the maximum number of attempts.
    """

    def __init__(self, transport: Transport, connection: session.Connection, anonymous: bool, tries: int) -> None:
        self._transport, self.connection, self.tries = transport, connection, tries
        self.key = "" if anonymous else connection.access_key or ""
        endpoint = connection.endpoint_url or AWS_ENDPOINTS[connection.service]
        events = SimpleNamespace(register=lambda *_args, **_kwargs: None)
        self.meta = SimpleNamespace(endpoint_url=endpoint, region_name=REGION, partition="aws", events=events)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        if operation.startswith("_"):
            raise AttributeError(operation)

        def call(**params: Any) -> Any:
            return self._transport.call(self, operation, params)

        self.__dict__[operation] = call
        return call

    def get_paginator(self, operation: str) -> Any:
        def paginate(**params: Any) -> Iterator[Any]:
            token: dict[str, str] = {}
            while True:
                page = getattr(self, operation)(**params, **token)
                yield page
                if not page.get("NextContinuationToken"):
                    return
                token = {"ContinuationToken": page["NextContinuationToken"]}

        return SimpleNamespace(paginate=paginate)


class Transport:
    """Sends the calls of all runs to the models."""

    def __init__(self, world: World) -> None:
        self.world, self.scheduler = world, world.scheduler

    def create_client(self, connection: session.Connection, anonymous: bool, _isolated: bool, tries: int) -> Client:
        return Client(self, connection, anonymous, tries)

    def _begin(self, description: str) -> tuple[Run, bool]:
        """Count the call; returns the run, and whether it crashes at this call."""
        run = self.scheduler.active
        assert run is not None, description
        if run.dead:
            self.scheduler.pause(0)  # raises
        run.calls += 1
        return run, run.calls == run.crash_at

    # S3 and IAM.

    def call(self, client: Client, operation: str, params: Mapping[str, Any]) -> Any:
        name = camel_case(operation)
        run, crashes = self._begin(name)
        world, budget = self.world, _budget(client)
        kind = world.faults.kind(faults.AWS_KINDS) if run.faulty else faults.OK
        caller = Caller(client.key, client.connection.secret_key or "", self.scheduler.now + run.offset)
        self.scheduler.pause(world.faults.latency())
        if crashes and not run.crash_applied:
            self._crash(name)
        if kind == faults.REFUSED:
            return self._refuse(client, name)
        if kind == faults.LATE:
            latest = budget + (faults.LATEST_ONCE if client.tries == 1 else faults.LATEST_AWS)
            return self._abandon(run, client, operation, params, caller, latest)
        result = self._apply(run, client, operation, params, caller)
        if crashes:
            self._crash(f"{name}, which took effect")
        state_keys = [project.state_key for project in world.projects.values()]
        is_state_file = operation == "put_object" and params["Key"] in state_keys
        self.scheduler.pause(world.faults.latency() + (world.faults.state_file_delay() if is_state_file else 0.0))
        if kind == faults.LOST:
            self.scheduler.log(f"{name}: the response is lost")
            raise self._lost(client, name, budget)
        if kind == faults.REPEATED and client.tries > 1:
            self.scheduler.log(f"{name}: the response is lost, and the call is repeated")
            self.scheduler.pause(world.random.uniform(0.1, 20.0))
            result = self._apply(run, client, operation, params, caller)
            self.scheduler.pause(world.faults.latency())
        if isinstance(result, ApiError):
            self._record(client, result.status)
            raise result.as_client_error(name, self.scheduler.now)
        self._record(client, 200)
        return result

    def _crash(self, text: str) -> None:
        self.scheduler.log(f"crashes at {text}")
        self.scheduler.crash()

    @staticmethod
    def _record(client: Client, status: int) -> None:
        responses = session._RESPONSES.get()
        if responses is not None and client.connection.service == "s3":
            responses.append(session.ResponseInfo(status, REGION))

    def _refuse(self, client: Client, name: str) -> Any:
        """Fail without an effect, after all attempts."""
        choice = self.world.random.random()
        self.scheduler.pause(self.world.random.uniform(0.1, 20.0))
        self.scheduler.log(f"{name}: refused, without an effect")
        if choice < 0.4:
            code, status = ("SlowDown", 503) if client.connection.service == "s3" else ("Throttling", 400)
            raise ApiError(status, code).as_client_error(name, self.scheduler.now)
        if choice < 0.7:
            raise ApiError(500, "InternalError").as_client_error(name, self.scheduler.now)
        error = EndpointConnectionError if choice < 0.85 else ConnectTimeoutError
        raise error(endpoint_url=client.meta.endpoint_url)

    def _lost(self, client: Client, name: str, budget: float) -> Exception:
        if self.world.random.random() < 0.5:
            return time_budget.BudgetExceededError(name, budget)
        error: Exception = ReadTimeoutError(endpoint_url=client.meta.endpoint_url)
        return error

    def _abandon(
        self, run: Run, client: Client, operation: str, params: Mapping[str, Any], caller: Caller, latest: float
    ) -> Any:
        """The client abandons the call, which takes effect at some time until ``latest`` seconds from now."""
        name, scheduler, budget = camel_case(operation), self.scheduler, _budget(client)
        # Most of the latency is over.
        time = scheduler.now + self.world.random.uniform(0.0, max(latest - 10.5, 1.0))

        def apply() -> None:
            scheduler.log(f"{name} of {run.name} takes effect late")
            self._apply(run, client, operation, params, caller)

        if not operation.startswith(("get_", "head_", "list_")):
            scheduler.at(time, apply)
        scheduler.log(f"{name}: no response yet")
        scheduler.pause(max(budget - 10.5, 1.0))
        raise self._lost(client, name, budget)

    def _apply(
        self, run: Run, client: Client, operation: str, params: Mapping[str, Any], caller: Caller
    ) -> dict[str, Any] | ApiError:
        world = self.world
        with world.acting(run):
            try:
                if client.connection.service == "sts":
                    return respond(self.scheduler.now, Account="123456789012")
                guard = world.invariants.before_call(run, operation, params)
                if client.connection.service == "iam":
                    result = world.iam.call(operation, params)
                else:
                    result = world.s3.call(operation, caller, params)
            except ApiError as exc:
                self._log_call(client, operation, params, f"{exc.status} {exc.code}")
                return exc
            self._log_call(client, operation, params, "ok")
            if guard:
                guard()
            return result

    def _log_call(self, client: Client, operation: str, params: Mapping[str, Any], result: str) -> None:
        names = ("UserName", "AccessKeyId", "Status", "Bucket", "Key", "Prefix", "IfMatch", "IfNoneMatch")
        shown = " ".join(str(params[name]) for name in names if name in params)
        who = "" if client.key == OPERATOR else f" with {client.key or 'no key'}"
        self.scheduler.log(f"{camel_case(operation)} {shown}{who}: {result}")

    # HTTP.

    def request(
        self, method: str, url: str, headers: dict[str, str], payload: Any, seconds: float, _verify: bool | str
    ) -> Response:
        """Send one attempt of an HTTP request."""
        run, crashes = self._begin(f"{method} {url}")
        world, start = self.world, self.scheduler.now
        parts = urlsplit(url)
        is_api = parts.netloc == "api.opentok.com"
        kind = world.faults.api_kind(method) if run.faulty and is_api else faults.OK
        self.scheduler.pause(min(world.faults.latency(), seconds * 0.5))
        if crashes and not run.crash_applied:
            self._crash(f"{method} {parts.path}")
        crashes_late = run.crash_late and is_api and method != "GET"
        if payload and (kind != faults.OK or crashes or crashes_late):
            world.uncertain_keys.add(payload["config"]["accessKey"])
        if is_api and method != "GET":
            self._suspend(run, payload)
        if kind in (faults.REFUSED, faults.PAGE):
            return self._refuse_request(kind, method, parts.path)
        if kind == faults.LATE or crashes_late:
            self._abandon_request(run, method, url, headers, payload, seconds, start, crashes_late)
        response = self._apply_request(run, method, url, headers, payload)
        if crashes:
            self._crash(f"{method} {parts.path}, which took effect")
        self.scheduler.pause(min(world.faults.latency(), seconds * 0.4))
        if kind == faults.LOST:
            self.scheduler.log(f"{method} {parts.path}: the response is lost")
            raise requests.exceptions.ConnectionError("the connection was closed")
        return response

    def _suspend(self, run: Run, payload: Any) -> None:
        seconds = self.world.faults.suspension() if run.faulty else 0.0
        if seconds:
            run.suspended = True
            if payload:
                self.world.uncertain_keys.add(payload["config"]["accessKey"])
            self.scheduler.log(f"{run.name} is suspended")
            self.scheduler.pause(seconds)

    def _refuse_request(self, kind: str, method: str, path: str) -> Response:
        choice = self.world.random.random()
        self.scheduler.log(f"{method} {path}: {kind}, without an effect")
        if kind == faults.PAGE:
            return self.world.vonage.page(404 if choice < 0.5 else 502)
        if choice < 0.3:
            raise requests.exceptions.ConnectTimeout("no connection")
        return self.world.vonage.error(429 if choice < 0.6 else 503, "try again")

    def _abandon_request(
        self,
        run: Run,
        method: str,
        url: str,
        headers: dict[str, str],
        payload: Any,
        seconds: float,
        start: float,
        crashes: bool,
    ) -> None:
        scheduler = self.scheduler
        end = start + seconds

        def apply() -> None:
            scheduler.log(f"{method} {urlsplit(url).path} of {run.name} takes effect late")
            self._apply_request(run, method, url, headers, payload)

        if method != "GET":
            scheduler.at(self.world.random.uniform(scheduler.now, end + faults.LATEST_API), apply)
        if crashes:
            self._crash(f"{method} {urlsplit(url).path}, which takes effect late")
        scheduler.log(f"{method} {urlsplit(url).path}: no response yet")
        scheduler.pause(max(end - scheduler.now, 0.0))
        raise requests.exceptions.ReadTimeout("no response")

    def _apply_request(self, run: Run, method: str, url: str, headers: dict[str, str], payload: Any) -> Response:
        parts, world = urlsplit(url), self.world
        with world.acting(run):
            if parts.netloc != "api.opentok.com":
                return self._anonymous(method, parts.netloc, parts.path, parts.query)
            response = world.vonage.request(method, parts.path, headers, payload, dict(parse_qsl(parts.query)))
            self.scheduler.log(f"{method} {parts.path}{_key_of(payload)}: {response.status}")
            if response.ok and method != "GET":
                world.invariants.after_request(run, method, parts.path)
            return response

    def _anonymous(self, method: str, host: str, path: str, query: str) -> Response:
        """Respond to a request without credentials to the S3 store."""
        if host.endswith(".amazonaws.com") and not host.startswith("s3."):
            bucket, key = host.partition(".s3.")[0], path.lstrip("/")
        else:
            bucket, _slash, key = path.lstrip("/").partition("/")
        caller = Caller("", "", self.scheduler.now)
        try:
            if "list-type" in query:
                prefix = unquote(query.partition("prefix=")[2].partition("&")[0]) if "&prefix=" in query else ""
                self.world.s3.call("list_objects_v2", caller, {"Bucket": bucket, "Prefix": prefix})
                return Response(200, {}, b"<ListBucketResult/>")
            result = self.world.s3.call("get_object", caller, {"Bucket": bucket, "Key": unquote(key)})
        except ApiError as exc:
            self.scheduler.log(f"{method} {bucket}/{key} without a key: {exc.status}")
            return Response(exc.status, {}, b"<Error/>")
        return Response(200, {}, result["Body"].read())


def _budget(client: Client) -> float:
    """The seconds of a call.

    :raises BudgetExceededError: the call is one of several with a common time limit, which has passed.
    """
    seconds, group = time_budget.budget(client.tries), time_budget._CURRENT.get()
    if group is None:
        return seconds
    group.check()
    return min(seconds, group.deadline.left)


def _key_of(payload: Any) -> str:
    return f" with {payload['config']['accessKey']}" if payload else ""
