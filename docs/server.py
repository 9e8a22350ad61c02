"""Finds the faces of pictures that are sent to it: `MODEL=cnn6.tflite uvicorn server:app`.

curl --data-binary @photo.jpg http://localhost:8000/detect
"""

import asyncio
import concurrent.futures
import os

MOST_BYTES = 10_000_000  # of a picture file
MOST_PIXELS = 40_000_000  # which OpenCV reads from the environment, once
SECONDS = 10.0  # for the answer to a picture
WAITING = 64  # pictures that are being looked at or wait for it; more are sent away
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))

from fastapi import FastAPI, HTTPException, Request  # noqa: E402
from starlette.requests import ClientDisconnect  # noqa: E402

from keras_landmarks import runtime  # noqa: E402

MODEL = runtime.open_model(os.environ["MODEL"])
POOL = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
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
    if LEFT.locked():
        raise HTTPException(503, "Too many pictures wait.", {"Retry-After": "1"})
    async with LEFT:
        try:
            async with asyncio.timeout(SECONDS):
                data = await body(request)
                if not data:
                    raise HTTPException(400, "Send a picture file as the body of the request.")
                loop = asyncio.get_running_loop()
                # A thread that is late goes on, but what only waits for one is given up.
                faces = await loop.run_in_executor(POOL, MODEL.detect, data)
        except ClientDisconnect:  # nobody is left to answer
            raise HTTPException(400, "The picture broke off.") from None
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
