"""Settings from the environment."""

import os

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
BACKEND_CORS_ORIGINS = os.environ.get("BACKEND_CORS_ORIGINS", "http://localhost:3000,http://localhost:8080").split(",")
JWT_SECRET = os.environ["JWT_SECRET"]
# A SQLite file.
DATABASE = os.environ["DATABASE"]
