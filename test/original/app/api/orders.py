"""The shop's order API."""

from typing import Optional
from uuid import UUID

from fastapi import APIRouter, Header, HTTPException

from app.orders import get_order
from app.security import may_see, verify_token

router = APIRouter()


@router.get("/{order_id}")
async def read_order(order_id: UUID, authorization: Optional[str] = Header(None)) -> dict:
    claims = verify_token((authorization or "").replace("Bearer ", "", 1))
    if claims is None:
        raise HTTPException(401)
    order = get_order(order_id)
    if order is None:
        raise HTTPException(404)
    if not may_see(claims, order):
        raise HTTPException(403)
    return order
