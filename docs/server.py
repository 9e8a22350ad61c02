"""Finds the faces of pictures that are sent to it: `MODEL=cnn6.tflite uvicorn server:app`.

curl --data-binary @photo.jpg http://localhost:8000/detect
"""

import asyncio
import concurrent.futures
import os

MOST_BYTES = 10_000_000  # of a picture file
MOST_PIXELS = 40_000_000  # which OpenCV reads from the environment, once
UPLOAD = 60.0  # seconds for a picture to come
SECONDS = 10.0  # for the answer to it
THREADS = int(os.environ.get("THREADS", os.cpu_count() or 1))  # that look at pictures
WAITING = 64  # pictures that are being looked at or wait for it; more are sent away
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))

from fastapi import FastAPI, HTTPException, Request  # noqa: E402
from starlette.requests import ClientDisconnect  # noqa: E402

from keras_landmarks import runtime  # noqa: E402

MODEL = runtime.open_model(os.environ["MODEL"])
POOL = concurrent.futures.ThreadPoolExecutor(THREADS)
LEFT = asyncio.Semaphore(WAITING)
app = FastAPI(title=MODEL.name)


async def body(request: Request) -> bytes:
    """The picture file; no more of it is read than may be sent."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise HTTPException(413, f"Pictures have at most {MOST_BYTES} bytes.")
    return bytes(data)


@app.post("/detect")
async def detect(request: Request) -> dict:
    """`{"model": name, "faces": [...]}`, each face as `Detection.to_dict` has it; perhaps none."""
    if request.headers.get("content-type", "").startswith(("multipart/", "application/json")):
        raise HTTPException(415, "Send the picture file itself as the body, no form and no JSON.")
    try:
        async with asyncio.timeout(UPLOAD):
            data = await body(request)
    except ClientDisconnect:  # nobody is left to answer
        raise HTTPException(400, "The picture broke off.") from None
    except TimeoutError:
        raise HTTPException(408, f"No whole picture came within {UPLOAD:g} s.") from None
    if not data:
        raise HTTPException(400, "Send a picture file as the body of the request.")
    if LEFT.locked():
        raise HTTPException(503, "Too many pictures wait.", {"Retry-After": "1"})
    try:
        async with LEFT, asyncio.timeout(SECONDS):
            # A thread that is late goes on, but what only waits for one is given up.
            loop = asyncio.get_running_loop()
            faces = await loop.run_in_executor(POOL, MODEL.detect, data)
    except TimeoutError:
        raise HTTPException(504, f"No answer within {SECONDS:g} s.") from None
    except ValueError as error:
        message = f"{error} At most {MOST_PIXELS} pixels."
        raise HTTPException(415, message) from None
    return {"model": MODEL.name, "faces": [face.to_dict() for face in faces]}


@app.get("/health")
async def health() -> dict:
    """Whether it runs, and what."""
    return {"model": MODEL.name, "scheme": MODEL.scheme.name, "licence": MODEL.licence}
