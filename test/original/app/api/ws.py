"""Real-time updates: WebSocket endpoints, and Redis pub/sub between the instances of the service."""

import asyncio
import json
import logging
from collections import defaultdict
from typing import DefaultDict, Optional, Set
from uuid import UUID

import redis.asyncio as redis
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from app.config import REDIS_URL
from app.orders import get_order
from app.security import may_see, verify_token

router = APIRouter()
redis_client = redis.from_url(REDIS_URL, decode_responses=True)
connections: DefaultDict[str, Set[WebSocket]] = defaultdict(set)


@router.websocket("/orders/{order_id}")
async def order_updates(websocket: WebSocket, order_id: str, token: Optional[str] = None) -> None:
    # Browsers see close codes only after an accepted handshake.
    await websocket.accept()
    claims = verify_token(token)
    if claims is None:
        return await websocket.close(4001, "Authentication required")
    try:
        order_uuid = UUID(order_id)
    except ValueError:
        return await websocket.close(4000, "Invalid order ID format")
    order = get_order(order_uuid)
    if order is None:
        return await websocket.close(4004, "Order not found")
    if not may_see(claims, order):
        return await websocket.close(4003, "Access denied")
    data = {"order_id": order["id"], "current_status": order["status"], "payment_status": order["payment_status"]}
    await serve(websocket, f"order_{order_uuid}", data)


@router.websocket("/products")
async def product_updates(websocket: WebSocket, token: Optional[str] = None) -> None:
    await websocket.accept()
    if verify_token(token) is None:
        return await websocket.close(4001, "Authentication required")
    await serve(websocket, "products", {"channel": "products"})


async def serve(websocket: WebSocket, channel: str, data: dict) -> None:
    """Adds the socket to the channel until it closes."""
    await websocket.send_text(json.dumps({"type": "connection_established", "data": data}))
    connections[channel].add(websocket)
    try:
        while True:
            if await websocket.receive_text() == "ping":
                await websocket.send_text("pong")
    except WebSocketDisconnect:
        pass
    finally:
        connections[channel].discard(websocket)
        if not connections[channel]:
            del connections[channel]


@router.get("/health")
async def health() -> dict:
    try:
        await redis_client.ping()
        redis_status = "healthy"
    except redis.RedisError:
        redis_status = "unavailable"
    counts = {channel: len(sockets) for channel, sockets in connections.items()}
    return {
        "status": "healthy",
        "redis_status": redis_status,
        "active_channels": list(counts),
        "total_connections": sum(counts.values()),
        "channel_details": counts,
    }


async def publish_order_update(order_id: str, event_type: str, data: dict) -> None:
    await publish(f"order_{order_id}", event_type, data)


async def publish_product_update(event_type: str, data: dict) -> None:
    await publish("products", event_type, data)


async def publish(channel: str, event_type: str, data: dict) -> None:
    message = json.dumps({"type": event_type, "data": data})
    try:
        await redis_client.publish(channel, message)
    except redis.RedisError:
        # Without Redis, only this instance's listeners receive the event.
        await broadcast(channel, message)


async def broadcast(channel: str, message: str) -> None:
    await asyncio.gather(*(socket.send_text(message) for socket in connections.get(channel, ())), return_exceptions=True)


async def listen_to_redis() -> None:
    """Broadcasts what any instance publishes, for as long as the service runs."""
    while True:
        try:
            async with redis_client.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.psubscribe("order_*", "products")
                async for message in pubsub.listen():
                    await broadcast(message["channel"], message["data"])
        except redis.RedisError as error:
            logging.warning("Redis is unavailable: %s", type(error).__name__)
            await asyncio.sleep(1)
