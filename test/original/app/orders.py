"""The shop's orders, in its database."""

import sqlite3
from typing import Optional
from uuid import UUID

from app.config import DATABASE

_database = sqlite3.connect(DATABASE, isolation_level=None)
_database.row_factory = sqlite3.Row
_database.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user_id TEXT, status TEXT, payment_status TEXT)")


def get_order(order_id: UUID) -> Optional[dict]:
    row = _database.execute("SELECT * FROM orders WHERE id = ?", [str(order_id)]).fetchone()
    return dict(row) if row else None


def save_order(order_id: UUID, user_id: str, status: str = "pending", payment_status: str = "pending") -> None:
    _database.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", [str(order_id), user_id, status, payment_status])
