"""`/items`: finding an item, seeing it whole, why it was chosen, and what became of it."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from querist.engine import views
from querist.errors import NotFound, UnknownName
from querist.server import media
from querist.server.access import InProject, Visit
from querist.server.contents import cut, with_content
from querist.server.schemas import History, Item, ItemPage, ItemState, WhyRecord

router = APIRouter(prefix="/projects/{project}/items", tags=["items"])

Looking = Annotated[Visit, Depends(InProject("annotator"))]
Reviewing = Annotated[Visit, Depends(InProject("reviewer"))]
ItemId = Annotated[str, Path(min_length=1, max_length=500)]
Text = Annotated[str, Query(max_length=200)]


@router.get("")
def items(
    visit: Looking,
    q: Text = "",
    state: Text = "",
    class_: Annotated[str, Query(alias="class", max_length=200)] = "",
    person: Text = "",
    cursor: Text = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """List items, the newest answers first; who only labels finds what they answered themselves."""
    if state and state not in get_args(ItemState):
        raise UnknownName("state", state, get_args(ItemState))
    if person not in {"", "me"}:
        raise UnknownName("person", person, ["me"])
    mine = person == "me" or not visit.reviews
    found = views.items(
        visit.project,
        query=q,
        state=state or None,
        label=class_ or None,
        person=visit.person if mine else None,
        cursor=cursor or None,
        limit=limit,
    )
    rows = [with_content(visit.project.id, {**row, "content": cut(row["content"])}) for row in found["items"]]
    return ItemPage.model_validate({**found, "items": rows})


@router.get("/{item:path}/why")
def why(item: ItemId, visit: Looking) -> WhyRecord:
    """Tell the whole record of why the item was chosen; hidden for evaluation items."""
    return WhyRecord.model_validate(views.why(visit.project, item))


@router.get("/{item:path}/history")
def history(item: ItemId, visit: Reviewing) -> History:
    """Tell everything that the ledger says of the item."""
    return History.model_validate(views.history(visit.project, item))


@router.get("/{item:path}/content", response_class=Response)
def content(item: ItemId, visit: Looking) -> Response:
    """Send the item's picture or sound from the media folder."""
    found = visit.project.store.contents([item])[0]
    if found is None or "path" not in found.value:
        raise NotFound(f"item {item!r} has no file", field="item", value=item)
    return media.serve(visit.project.media_root(), str(found.value["path"]))


@router.get("/{item:path}")
def item(item: ItemId, visit: Looking) -> Item:
    """Show an item whole, with the answers that the person may see."""
    found = views.item(visit.project, item, viewer=visit.person)
    answers = [answer for answer in found["answers"] if visit.reviews or answer["mine"]]
    return Item.model_validate(with_content(visit.project.id, {**found, "answers": answers}))
