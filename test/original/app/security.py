"""Tokens: HS256, with the user's id in `sub` and an optional `role`."""

from typing import Optional

import jwt

from app.config import JWT_SECRET


def verify_token(token: Optional[str]) -> Optional[dict]:
    """Returns the claims of a valid token, else None."""
    try:
        claims = jwt.decode(token or "", JWT_SECRET, algorithms=["HS256"])
    except jwt.PyJWTError:
        return None
    return claims if claims.get("sub") else None


def may_see(claims: dict, order: dict) -> bool:
    return claims.get("role") == "admin" or claims["sub"] == order["user_id"]
