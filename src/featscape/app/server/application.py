"""The web application of one map: the page, and the requests that `bundle.contract` defines."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from featscape.app.item_table import ItemTable
from featscape.app.originals.archive import KeptSelections, stream_archive
from featscape.app.originals.reader import Originals
from featscape.app.placer import Placer, list_neighbors
from featscape.app.server.failures import HANDLERS
from featscape.app.server.ranges import answer_file, cache_headers, is_known
from featscape.app.server.security import IMAGES_TO
from featscape.app.stored_files import StoredArray, StoredFile, StoredThumbnails, content_tag
from featscape.app.text_search import TextSearch
from featscape.bundle import VIEWER, linked_page, open_bundle, viewer_file
from featscape.bundle.contract import (
    MOST_ARCHIVED,
    Abilities,
    Archive,
    ContentRequest,
    ItemDetails,
    ItemsRequest,
    NeighborList,
    PageSetup,
    Placed,
    SearchRequest,
)
from featscape.errors import ImageError
from featscape.images import media_type
from featscape.mapfolder import (
    BUNDLE,
    NEIGHBORS,
    SCATTER,
    THUMBNAILS,
    damaged,
    open_part,
)
from featscape.mapfolder.read import open_folder, open_picture, read_run
from featscape.mapfolder.seal import is_own
from featscape.steps.content.search import explain_no_texts
from featscape.steps.placement import explain_no_placing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_UPLOADS_AT_ONCE = 4
_PREPARE_AFTER_S = 2  # after the page is requested, so that the page itself loads first

_BINARY = "application/octet-stream"


class ServedMap:
    """A map that is open for the server; large arrays remain on disk.

    The map has threads of its own, which end with `close`.

    Parameters
    ----------
    folder : Path
    model, weights : optional
        The network of the map, as in `open_placer`.
    originals : str, optional
        The location of the original images, from the user.

    Raises
    ------
    InputError
        If the folder is not a map, a file is missing or damaged, or `originals` cannot be used.
    ModelError, MissingExtra
        If `model` or `weights` cannot be used, or differ from the map's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model: str | None = None,
        weights: Path | None = None,
        originals: str | None = None,
    ) -> None:
        opened = open_folder(folder)
        self.run = read_run(opened)
        self.no_place = explain_no_placing(self.run, model=model, weights=weights)
        bundle = open_bundle(open_part(opened, BUNDLE))
        self.manifest = bundle.manifest
        self.files = {name: StoredFile.of(bundle.opened, name) for name in bundle.files()}
        open_picture(opened).close()  # checks that the file is a picture
        self.picture = StoredFile.of(opened, SCATTER)
        columns = self.manifest.columns
        self.items = ItemTable(
            opened,
            texts=[column.name for column in columns if column.kind == "text"],
            categories=[
                column.name
                for column in columns
                if column.kind == "category" and column.finding is None  # the page searches these
            ],
        )
        own = is_own(opened, self.run)
        self.originals = Originals(
            self.run["source"],
            self.items,
            kind=self.run.get("source_kind") or "folder",
            is_own=own,
            named=originals,
        )
        self.placer = Placer(opened, model=model, weights=weights)
        self.no_texts = explain_no_texts(self.run, model=model, weights=weights)
        self.text_search = TextSearch(opened, model=model, weights=weights)
        # the network of a map from someone else is loaded only for an image to place or a text
        self._prepares = own and self.no_place is None
        self._preparation = threading.Timer(_PREPARE_AFTER_S, self._prepare)
        self._starting = threading.Lock()
        self.thumbnails = None
        if opened.exists(THUMBNAILS):
            folder_of_thumbnails = open_part(opened, THUMBNAILS)
            self.thumbnails = StoredThumbnails.of(folder_of_thumbnails, n_items=len(self.items))
        self.indices = StoredArray.in_archive(opened, NEIGHBORS, "indices", dtype=np.int32)
        self.distances = StoredArray.in_archive(opened, NEIGHBORS, "distances", dtype=np.float32)
        self._check_shapes(folder)

    def _check_shapes(self, folder: Path) -> None:
        """Raise InputError unless the files of the map have one entry per item."""
        if self.distances.shape != self.indices.shape:
            raise damaged(folder / NEIGHBORS, "its two arrays have different shapes")
        n_items = len(self.items)
        for name, n_rows in (
            (BUNDLE, self.manifest.n_items),
            (NEIGHBORS, self.indices.shape[0]),
            (NEIGHBORS, self.distances.shape[0]),
        ):
            if n_rows != n_items:
                raise damaged(folder / name, f"it has {n_rows} rows for {n_items} items")

    @property
    def notice(self) -> str | None:
        """A sentence for the user if the original images are off; else None."""
        return _as_sentence(self.originals.obstacle)

    def close(self) -> None:
        """End the threads of this map; the application must not be used afterwards."""
        with self._starting:
            self._prepares = False
            self._preparation.cancel()
        self.originals.close()

    def prepare_placing(self) -> None:
        """Load the network in the background, on the first call, if this user made the map."""
        with self._starting:
            if self._prepares:
                self._prepares = False
                self._preparation.start()

    def _prepare(self) -> None:
        if self.no_texts is None:
            self.text_search.prepare()
        self.placer.prepare()

    @property
    def abilities(self) -> Abilities:
        """The features of the page that need the server."""
        originals = self.originals.are_available
        return Abilities(
            originals=originals,
            search=True,
            content=self.no_texts is None,
            zip=MOST_ARCHIVED if originals else 0,
            place=self.no_place is None,
            no_place=_as_sentence(self.no_place),
        )


def make_app(served: ServedMap, *, on_page: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the application for one map, to be wrapped in `security.Guard`.

    Parameters
    ----------
    served : ServedMap
    on_page : callable
        Called at each request for the page.
    """
    app = FastAPI(
        openapi_url=None,  # also disables FastAPI's documentation, which loads scripts from a CDN
        redirect_slashes=False,
        exception_handlers=HANDLERS,
    )
    _add_page(app, served, on_page)
    _add_items(app, served)
    _add_selections(app, served)
    return app


def _add_page(app: FastAPI, served: ServedMap, on_page: Callable[[], None]) -> None:
    """Add the page and the files that it loads."""
    for name in VIEWER:
        viewer_file(name)  # raises at the start, not at the first request, if the file is missing

    @app.get("/")
    def page() -> Response:
        setup = PageSetup(
            source="server",
            data="data/",
            api="api/",
            abilities=served.abilities,
            notice=served.notice,
        )
        text = linked_page(
            title=served.manifest.title, setup=setup, picture=SCATTER, viewer="static/"
        )
        on_page()
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    @app.get("/static/{name}")
    def static(request: Request, name: str) -> Response:
        if name not in VIEWER:
            _not_found(f"no file {name}", remedy="Reload the page.")
        type_name = "text/javascript" if name.endswith(".js") else "text/css"
        return _answer_bytes(request, viewer_file(name).read_bytes(), media_type=type_name)

    @app.get(f"/{SCATTER}")
    def picture(request: Request) -> Response:
        return answer_file(request, served.picture, media_type="image/png")

    @app.get("/data/{name}")
    def data(request: Request, name: str) -> Response:
        file = served.files.get(name) or _not_found(f"no file {name}", remedy="Reload the page.")
        type_name = "application/json" if name.endswith(".json") else _BINARY
        return answer_file(request, file, media_type=type_name)


def _add_items(app: FastAPI, served: ServedMap) -> None:
    """Add the requests for one item, by id."""

    def check(item: int) -> int:
        if not 0 <= item < len(served.items):
            last = len(served.items) - 1
            _not_found(f"no item {item}", remedy=f"The ids of this map are 0 to {last:,}.")
        return item

    @app.get("/api/items/{item}")
    def details(item: int) -> ItemDetails:
        return served.items.details(check(item))

    @app.get("/api/items/{item}/neighbors")
    def neighbors(item: int) -> NeighborList:
        check(item)
        return list_neighbors(served.indices.row(item), served.distances.row(item))

    @app.get("/api/items/{item}/thumbnail")
    def thumbnail(request: Request, item: int) -> Response:
        check(item)
        if served.thumbnails is None:
            remedy = "Make the map with `featscape map`."
            _not_found("no thumbnail: the map has no thumbnails", remedy=remedy)
        content = served.thumbnails.encoded(item)
        type_name = media_type(io.BytesIO(content)) or _BINARY
        return _answer_bytes(request, content, media_type=type_name)

    @app.get("/api/items/{item}/image")
    async def image(request: Request, item: int) -> Response:
        etag = f'"{served.items.sha256(check(item))}"'  # identifies the content of the file
        if served.originals.are_available and is_known(request, etag):
            return Response(status_code=304, headers=cache_headers(etag))
        try:
            original = await served.originals.read(item)
        except ImageError as error:
            _not_found(f"no original image of item {item}: {error}")
        headers = {**cache_headers(etag), "Content-Length": str(len(original.content))}
        return StreamingResponse(original.chunks(), headers=headers, media_type=original.media_type)


def _add_selections(app: FastAPI, served: ServedMap) -> None:
    """Add the requests with a body: a text, a selection or an image."""
    uploads = asyncio.Semaphore(_UPLOADS_AT_ONCE)
    queries = asyncio.Semaphore(1)  # waiting queries occupy no thread
    selections = KeptSelections()

    @app.post("/api/search")
    def search(wanted: SearchRequest) -> Response:
        found = served.items.search(wanted.text)
        return Response(found.astype("<u4").tobytes(), media_type=_BINARY)

    @app.post("/api/content")
    async def content(request: Request, wanted: ContentRequest) -> Response:
        if served.no_texts is not None:
            raise HTTPException(404, served.no_texts)
        async with queries:
            if await request.is_disconnected():  # while earlier queries were answered
                return Response(status_code=204)
            found = await run_in_threadpool(served.text_search.similarities_to, wanted.text)
        return Response(found.astype("<f4").tobytes(), media_type=_BINARY)

    # Two requests: the page shows the errors of the first, and the browser saves the second.
    @app.post("/api/zip")
    def prepare(wanted: ItemsRequest) -> Archive:
        ids = list(dict.fromkeys(wanted.ids))
        _check_selection(ids, served)
        return Archive(key=selections.keep(ids))

    @app.get("/api/zip/{key}")
    def archive(key: str) -> Response:
        ids = selections.get(key) or _not_found(
            "no such archive", remedy="Request the archive again."
        )
        content = stream_archive(ids, items=served.items, originals=served.originals)
        headers = {"Content-Disposition": "attachment", "Cache-Control": "no-store"}
        return StreamingResponse(content, headers=headers, media_type="application/zip")

    @app.post(IMAGES_TO)
    async def place(request: Request) -> Placed:
        if served.no_place is not None:
            raise HTTPException(404, served.no_place)
        async with uploads:
            content = await request.body()
            return await run_in_threadpool(served.placer.place, content)


def _check_selection(ids: list[int], served: ServedMap) -> None:
    if not served.originals.are_available:
        _not_found(f"no archive: {served.originals.obstacle or 'the map has no original images'}")
    if not ids:
        raise HTTPException(
            422, "an archive must contain at least one image; got 0. Select one image or more."
        )
    unknown = [item for item in ids if not 0 <= item < len(served.items)]
    if unknown:
        raise HTTPException(
            422,
            f"each id must be below {len(served.items):,}, the number of items; got {unknown[0]}. "
            "Reload the page.",
        )


def _as_sentence(reason: str | None) -> str | None:
    return None if reason is None else reason[0].upper() + reason[1:]


def _not_found(what: str, *, remedy: str = "") -> NoReturn:
    """Answer 404. The texts about missing originals contain their own remedy."""
    raise HTTPException(404, f"there is {what}. {remedy}".rstrip())


def _answer_bytes(request: Request, content: bytes, *, media_type: str) -> Response:
    etag = content_tag(content)
    if is_known(request, etag):
        return Response(status_code=304, headers=cache_headers(etag))
    return Response(content, headers=cache_headers(etag), media_type=media_type)
