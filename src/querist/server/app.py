"""The HTTP service as an application: `create_app(site)`; everything under `/api/v1` is JSON and typed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request

import querist
from querist.server import (
    accounts,
    creation,
    exports,
    figures,
    items,
    labelling,
    oidc,
    pages,
    problems,
    projects,
    questions,
    sign_in,
    team,
)
from querist.server.access import site_of
from querist.server.contents import API
from querist.server.guard import Guard
from querist.server.schemas.wire import Error, Health
from querist.server.site import Site

ROUTERS = (
    labelling.router,
    sign_in.router,
    oidc.router,
    accounts.router,
    creation.router,
    projects.router,
    exports.router,
    team.router,
    questions.router,
    items.router,
    figures.router,
)
"""All routes under `/api/v1`; of two that fit an address the first one answers. What is asked all day comes first."""

_REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": Error} for status in (400, 401, 403, 404, 409, 413, 422, 429)
}


def create_app(site: Site, *, hosts: Collection[str] = (), pages_folder: Path = pages.BUILT) -> FastAPI:
    """Return the service for a site: the JSON routes, the live events, the media and the web app.

    Args:
        site: the projects and people.
        hosts: host names that requests may name; empty allows all.
        pages_folder: the built web app.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        site.stop()

    app = service(lifespan=lifespan)
    app.state.site = site
    app.state.line = labelling.line()
    pages.install(app, pages_folder)
    app.add_middleware(items.EncodedIds)
    app.add_middleware(Guard, hosts=hosts, is_upload=creation.takes_files)
    return app


def service(**settings: Any) -> FastAPI:
    """Return the routes alone, as far as they can be described without anything to serve."""
    app = FastAPI(
        title="Querist",
        version=querist.__version__,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        **settings,
    )
    problems.install(app)
    api = APIRouter(prefix=API, responses=_REFUSALS)
    for router in ROUTERS:
        api.include_router(router)
    app.include_router(api)

    @app.get("/health", tags=["server"])
    def health(request: Request) -> Health:
        """Say that requests are served; needs no session."""
        return Health(status="ok", version=querist.__version__, worker=site_of(request).has_worker())

    return app
