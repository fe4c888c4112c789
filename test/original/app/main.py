"""The service that Tidings replaces, written after its documentation."""

import asyncio

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.api import orders, ws
from app.config import BACKEND_CORS_ORIGINS

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=BACKEND_CORS_ORIGINS,
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)
app.include_router(orders.router, prefix="/api/v1/orders")
app.include_router(ws.router, prefix="/api/v1/ws")


@app.on_event("startup")
async def start() -> None:
    app.state.redis_listener = asyncio.create_task(ws.listen_to_redis())
