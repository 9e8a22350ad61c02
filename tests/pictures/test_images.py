import asyncio
import gc
import io
import math
import os
import pathlib
import struct
import threading
import time
import types
import weakref

import cv2
import numpy as np
import pytest
from PIL import Image, features

from keras_landmarks import geometry
from keras_landmarks.faces import finder
from keras_landmarks.pictures import ahead, images, kinds, read_ahead
from keras_landmarks.pictures.orientation import upright

RNG = np.random.default_rng(0)
# Four fields of one colour each, which survive jpg; taller than wide, so that a turn shows.
PICTURE = np.zeros((48, 32, 3), "uint8")
PICTURE[:24, :16] = 250, 20, 20
PICTURE[:24, 16:] = 20, 250, 20
PICTURE[24:, :16] = 20, 20, 250
PICTURE[24:, 16:] = 240, 240, 240
EXIF_ORIENTATION = 0x0112
STORED_AS = {  # what a camera stores for an upright picture, by EXIF orientation
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def saved(path, picture, orientation=None, **arguments):
    """The path of a picture saved by PIL, which has no part in the code under test."""
    exif = Image.Exif()
    if orientation:
        exif[EXIF_ORIENTATION] = orientation
    Image.fromarray(np.ascontiguousarray(picture)).save(path, exif=exif, **arguments)
    return path


def assert_alike(picture, expected, tolerance=12):
    """Within what jpg does to one-coloured fields, away from their borders."""
    assert picture.shape == expected.shape
    assert picture.dtype == np.uint8
    for rows in (slice(2, 20), slice(28, 46)):
        for columns in (slice(2, 12), slice(20, 30)):
            difference = np.int32(picture[rows, columns]) - expected[rows, columns]
            assert abs(difference).max() <= tolerance


# Reading


@pytest.mark.parametrize("ending", sorted(kinds.PICTURES))
def test_a_picture_of_every_ending_that_folders_are_searched_for_is_read(tmp_path, ending):
    picture = PICTURE if ending != ".pgm" else PICTURE[..., 0]
    found = images.read_image(saved(tmp_path / f"photo{ending}", picture))
    assert_alike(found, PICTURE if ending != ".pgm" else np.stack([picture] * 3, axis=-1))


def test_a_png_is_read_pixel_by_pixel(tmp_path):
    noise = RNG.integers(0, 256, (13, 17, 3), "uint8")
    path = saved(tmp_path / "noise.png", noise)
    np.testing.assert_array_equal(images.read_image(path), noise)
    np.testing.assert_array_equal(images.read_image(str(path)), noise)


def test_a_jpg_is_read_as_rgb(tmp_path):
    assert_alike(images.read_image(saved(tmp_path / "a.jpg", PICTURE, quality=95)), PICTURE)


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("orientation", [*STORED_AS, 9])
def test_a_webp_is_turned_upright_whatever_opencv_does(tmp_path, orientation, order):
    stored = STORED_AS.get(orientation, STORED_AS[1])(PICTURE)
    exif = Image.Exif()
    exif.endian, exif[EXIF_ORIENTATION], exif[0x010F] = order, orientation, "maker"
    path = tmp_path / "a.webp"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, lossless=True)
    data = path.read_bytes()
    assert data[data.find(b"EXIF") :].find({">": b"MM", "<": b"II"}[order]) in (8, 14)
    np.testing.assert_array_equal(upright(np.ascontiguousarray(stored), data), PICTURE)
    np.testing.assert_array_equal(images.read_image(path), PICTURE)
    broken = data[: data.find(b"EXIF") + 12]
    np.testing.assert_array_equal(upright(stored, broken), stored)


def test_what_older_opencvs_do_not_read_is_told(monkeypatch):
    monkeypatch.setattr(cv2, "__version__", "4.11.0")
    with pytest.raises(ValueError, match=r"OpenCV reads it from 4\.12 on, this is 4\.11\.0"):
        images.as_rgb(b"GIF89a" + bytes(20))
    monkeypatch.setattr(cv2, "__version__", "4.12.0-dev")
    with pytest.raises(ValueError, match="expected jpg, png"):
        images.as_rgb(b"GIF89a" + bytes(20))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
@pytest.mark.parametrize("orientation", STORED_AS)
def test_an_avif_is_turned_upright(tmp_path, orientation):
    path = saved(tmp_path / "a.avif", STORED_AS[orientation](PICTURE), orientation, quality=100)
    for source in (path, path.read_bytes(), Image.open(path)):
        assert_alike(images.as_rgb(source), PICTURE)


@pytest.mark.skipif(not hasattr(cv2, "imencodeWithMetadata"), reason="of a newer OpenCV")
@pytest.mark.parametrize("orientation", STORED_AS)
def test_an_avif_that_says_it_twice_is_turned_once(orientation):
    stored = np.ascontiguousarray(STORED_AS[orientation](PICTURE)[..., ::-1])
    exif = np.frombuffer(
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%c" % orientation + bytes(7), np.uint8
    )
    words = [cv2.IMWRITE_AVIF_QUALITY, 100]
    try:
        _, data = cv2.imencodeWithMetadata(
            ".avif", stored, [cv2.IMAGE_METADATA_EXIF], [exif], words
        )
    except cv2.error:
        pytest.skip("this OpenCV writes no AVIF")
    assert_alike(images.as_rgb(bytes(data)), PICTURE)


@pytest.mark.skipif(not hasattr(cv2, "IMWRITE_AVIF_DEPTH"), reason="of a newer OpenCV")
@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_bits_is_read(bits):
    pixels = np.uint16(PICTURE[..., ::-1]) << (bits - 8)
    words = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    try:
        _, data = cv2.imencode(".avif", pixels, words)
    except cv2.error:
        pytest.skip("this OpenCV writes no AVIF")
    assert_alike(images.as_rgb(bytes(data)), PICTURE)


def test_a_raw_photo_is_not_read_as_its_preview(tmp_path):
    saved(tmp_path / "a.tif", PICTURE).rename(tmp_path / "a.NEF")
    with pytest.raises(ValueError, match="a.NEF is not a picture .* not read: convert it to jpg"):
        images.read_image(tmp_path / "a.NEF")
    saved(tmp_path / "b.jpg", PICTURE, quality=95).rename(tmp_path / "b.heic")  # by its name alone
    assert_alike(images.read_image(tmp_path / "b.heic"), PICTURE)


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_jpg_is_turned_upright(tmp_path, orientation):
    stored = STORED_AS[orientation](PICTURE)
    path = saved(tmp_path / "a.jpg", stored, orientation, quality=95, subsampling=0)
    assert_alike(images.read_image(path), PICTURE)


def test_grey_and_transparent_pictures_are_read_as_rgb(tmp_path):
    grey = RNG.integers(0, 256, (9, 8), "uint8")
    path = saved(tmp_path / "grey.png", grey)
    np.testing.assert_array_equal(images.read_image(path), np.stack([grey] * 3, axis=-1))
    alpha = np.concatenate([PICTURE, np.full((48, 32, 1), 9, "uint8")], axis=-1)
    path = saved(tmp_path / "alpha.png", alpha)
    np.testing.assert_array_equal(images.read_image(path), PICTURE)


def test_a_missing_picture_is_a_missing_file(tmp_path):
    for path in (tmp_path / "none.jpg", tmp_path):  # a folder is no picture either
        with pytest.raises(FileNotFoundError, match="No picture at"):
            images.read_image(path)
    with pytest.raises(FileNotFoundError, match="is a folder: give its pictures as a list"):
        images.read_image(tmp_path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_picture_cut_short_is_refused(tmp_path, name, part):
    noise = RNG.integers(0, 256, (64, 64, 3), "uint8")
    path = saved(tmp_path / name, noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(ValueError, match="cut short"):
        images.read_image(path)


def test_a_jpg_cut_short_behind_its_whole_thumbnail_is_refused(tmp_path):
    thumbnail = saved(tmp_path / "small.jpg", PICTURE).read_bytes()
    noise = RNG.integers(0, 256, (64, 64, 3), "uint8")
    data = saved(tmp_path / "a.jpg", noise).read_bytes()
    header = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = data[:2] + header + data[2:]
    (tmp_path / "whole.jpg").write_bytes(whole)
    assert images.read_image(tmp_path / "whole.jpg").shape == (64, 64, 3)
    (tmp_path / "cut.jpg").write_bytes(whole[: -len(data) // 2])
    with pytest.raises(ValueError, match="cut short"):
        images.read_image(tmp_path / "cut.jpg")


def test_a_jpg_with_fill_bytes_before_a_marker_is_read(tmp_path):
    data = saved(tmp_path / "a.jpg", PICTURE).read_bytes()
    (tmp_path / "filled.jpg").write_bytes(data[:2] + b"\xff\xff" + data[2:])
    assert images.read_image(tmp_path / "filled.jpg").shape == PICTURE.shape


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is a text\n" * 9,
        b"\x89PNG" + bytes(99) + b"IEND",
        # The header of a png of 100,000 x 100,000 pixels.
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x02\0\0\0"
        b"\x85\xa5\xe7\x6a\0\0\0\0IEND\xae\x42\x60\x82",
    ],
    ids=["empty", "text", "zeros", "huge"],
)
def test_a_file_that_is_no_picture_is_refused(tmp_path, data):
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="not a picture that can be read"):
        images.read_image(path)


# Writing


def test_a_written_picture_is_read_again(tmp_path):
    path = tmp_path / "new" / "folder" / "a.png"
    images.write_image(path, PICTURE)
    np.testing.assert_array_equal(images.read_image(path), PICTURE)
    images.write_image(path.with_suffix(".jpg"), PICTURE)
    assert_alike(images.read_image(path.with_suffix(".jpg")), PICTURE)


def test_writing_leaves_nothing_but_the_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"something older")
    images.write_image(path, PICTURE)
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(images.read_image(path), PICTURE)


@pytest.mark.parametrize("name", ["a", "a.", "a.txt", "a.xyz"])
def test_a_name_that_ends_like_no_picture_is_refused_and_nothing_is_written(tmp_path, name):
    with pytest.raises(ValueError, match="needs an ending such as"):
        images.write_image(tmp_path / name, PICTURE)
    assert list(tmp_path.iterdir()) == []


# Any picture as RGB


def test_a_path_is_read(tmp_path):
    path = saved(tmp_path / "a.png", PICTURE)
    np.testing.assert_array_equal(images.as_rgb(path), PICTURE)
    np.testing.assert_array_equal(images.as_rgb(str(path)), PICTURE)


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_pil_picture_is_turned_upright(tmp_path, orientation):
    path = saved(tmp_path / "a.png", STORED_AS[orientation](PICTURE), orientation)
    with Image.open(path) as picture:
        np.testing.assert_array_equal(images.as_rgb(picture), PICTURE)


@pytest.mark.parametrize("kind", ["a tag of another type", "no EXIF at all"])
def test_a_pil_picture_of_odd_exif_is_read_as_its_file_is(kind):
    if kind == "no EXIF at all":
        exif, name = b"Exif\0\0nothing of the kind", "png"
    else:  # its horizontal resolution as text
        name = "jpeg"
        turned, text = (0x0112, 3, 1, 6, 0), (0x011A, 2, 3, b"72")
        tags = struct.pack("<HHIHH", *turned) + struct.pack("<HHI4s", *text)
        exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + struct.pack("<I", 0)
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, name, exif=exif)
    expected = images.as_rgb(file.getvalue())
    assert expected.shape == (PICTURE.shape if name == "png" else PICTURE.shape[1::-1] + (3,))
    np.testing.assert_array_equal(images.as_rgb(Image.open(file)), expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_a_pil_picture_of_any_mode_is_taken(mode):
    picture = Image.fromarray(PICTURE).convert(mode)
    np.testing.assert_array_equal(images.as_rgb(picture), np.asarray(picture.convert("RGB")))


def test_a_pil_picture_of_16_bits_is_refused_and_not_clipped():
    picture = Image.fromarray(np.full((9, 9), 40_000, np.uint16))
    with pytest.raises(ValueError, match="0..255, found 40000.* multiply by 255 / 65535"):
        images.as_rgb(picture)


def test_rgb_pixels_stay_as_they_are():
    np.testing.assert_array_equal(images.as_rgb(PICTURE), PICTURE)
    backwards = PICTURE[:, ::-1]
    np.testing.assert_array_equal(images.as_rgb(backwards), backwards)
    assert images.as_rgb(backwards).flags.c_contiguous


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1)])
def test_grey_pixels_are_repeated(shape):
    grey = RNG.integers(0, 256, shape, "uint8")
    np.testing.assert_array_equal(images.as_rgb(grey), np.stack([grey.reshape(6, 5)] * 3, -1))


def test_alpha_is_dropped():
    rgba = RNG.integers(0, 256, (6, 5, 4), "uint8")
    np.testing.assert_array_equal(images.as_rgb(rgba), rgba[..., :3])
    assert images.as_rgb(rgba).flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int64", "uint16"])
def test_numbers_of_other_types_are_rounded(dtype):
    result = images.as_rgb(PICTURE.astype(dtype))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, PICTURE)


def test_floats_go_to_the_nearest_pixel_value():
    floats = np.full((2, 2, 3), 100.0)
    floats[0, 0] = 0.4, 99.6, 255.4
    np.testing.assert_array_equal(images.as_rgb(floats)[0, 0], [0, 100, 255])


def test_a_black_picture_of_floats_is_black():
    np.testing.assert_array_equal(images.as_rgb(np.zeros((4, 4, 3))), np.zeros((4, 4, 3)))


def spoilt(value):
    picture = PICTURE.astype("float64")
    picture[3, 4, 1] = value
    return picture


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (spoilt(np.nan), "NaN"),
        (spoilt(np.inf), "NaN or infinite"),
        (spoilt(-1), "found -1..250"),
        (spoilt(256), "found 20..256"),
        (spoilt(255.5), "found 20..255.5"),  # would be rounded to 256
        (PICTURE.astype("int16") - 21, "found -1..229"),
        (PICTURE.astype("int64") + 10, "found 30..260"),
        (PICTURE / 255, "multiply the picture by 255"),
        (PICTURE > 99, "dtype bool"),
        (PICTURE.astype("complex64"), "dtype complex64"),
        (PICTURE.astype(str), "dtype <U"),
        (PICTURE.transpose(2, 0, 1), r"not \(3, 48, 32\)"),
        (PICTURE[..., :2], r"not \(48, 32, 2\)"),
        (PICTURE[None], r"not \(1, 48, 32, 3\)"),
        (PICTURE[0, :, 0], r"not \(32,\)"),
        (PICTURE[:0], r"empty: its shape is \(0, 32, 3\)"),
        (PICTURE[:, :0], r"empty: its shape is \(48, 0, 3\)"),
        (np.zeros((0, 0)), r"empty: its shape is \(0, 0, 1\)"),
        ([], "not a list"),
        (PICTURE.tolist(), r"not a list: .* np.array\(rows, np.uint8\)"),
        ((True, PICTURE), "not a tuple"),  # as VideoCapture.read gives it
        ({"picture": PICTURE}, "not a dict"),
        ((row for row in PICTURE), "not a generator"),
        (None, r"None, as of a failed cv2.imread. Expected a path, a picture file's bytes"),
        (PICTURE / 250, r"found 0.08..1: multiply the picture by 255"),
        (PICTURE / 127.5 - 1, r"of -1..1 take \(picture \+ 1\) \* 127.5"),
        (spoilt(4095).astype("uint16"), r"of 12 bits\? Then multiply by 255 / 4095"),
        (spoilt(65535).astype("int32"), r"of 16 bits\? Then multiply by 255 / 65535"),
    ],
)
def test_what_is_no_picture_of_0_to_255_is_refused(picture, message):
    with pytest.raises(ValueError, match=message):
        images.as_rgb(picture)


@pytest.mark.parametrize("upper", [1.0, 1.0001, 1.04, 1.5])
@pytest.mark.parametrize("lower", [0.0, -0.04])
def test_fractions_that_resizing_took_past_1_are_not_black(upper, lower):
    """Bicubic resizing overshoots at edges."""
    fractions = PICTURE / 255 * (upper - lower) + lower
    with pytest.raises(ValueError, match="multiply the picture by 255 and clip it"):
        images.as_rgb(fractions.astype("float32"))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_file_of_16_bits_of_which_12_are_used_is_not_read_as_black(tmp_path, suffix, grey, bits):
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), deep(bits, grey))
    with pytest.raises(
        ValueError, match=rf"{path.name}: {bits} of 16 bits .*/ {2**bits - 1} \* 255"
    ):
        images.read_image(path)


def deep(bits, grey):
    """PICTURE with so many bits, as OpenCV writes it."""
    picture = np.uint16(np.uint32(PICTURE[..., ::-1]) * (2**bits - 1) // 255)
    return picture[..., 0] if grey else picture


def test_a_file_of_14_bits_is_read_with_a_warning_and_one_of_16_without(tmp_path, recwarn):
    cv2.imwrite(str(tmp_path / "a.png"), deep(14, False))
    with pytest.warns(UserWarning, match="if white is 16383, it comes out dark"):
        images.read_image(tmp_path / "a.png")
    cv2.imwrite(str(tmp_path / "b.png"), deep(16, False))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((9, 9), np.uint16))
    recwarn.clear()
    np.testing.assert_array_equal(images.read_image(tmp_path / "b.png"), PICTURE)
    assert images.read_image(tmp_path / "black.png").max() == 0
    assert not recwarn


def test_a_file_of_floats_is_read_or_says_what_it_holds(tmp_path):
    whole, fractions = tmp_path / "whole.tif", tmp_path / "fractions.tif"
    cv2.imwrite(str(whole), PICTURE[..., ::-1].astype("float32"))
    cv2.imwrite(str(fractions), PICTURE[..., ::-1].astype("float32") / 255)
    np.testing.assert_array_equal(images.read_image(whole), PICTURE)
    with pytest.raises(ValueError, match="fractions.tif: .*multiply the picture by 255"):
        images.read_image(fractions)


def test_a_pfm_of_fractions_is_not_read_as_black(tmp_path):
    cv2.imwrite(str(tmp_path / "a.pfm"), PICTURE[..., ::-1].astype("float32") / 255)
    with pytest.raises(ValueError, match=r"a\.pfm: .*multiply the picture by 255"):
        images.read_image(tmp_path / "a.pfm")
    cv2.imwrite(str(tmp_path / "a.pfm"), PICTURE[..., ::-1].astype("float32"))
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.pfm"), PICTURE)


def test_what_cannot_be_read_or_written_is_told_by_its_kind(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" * 9)
    with pytest.raises(ValueError, match="of a kind that is not read: convert it to jpg"):
        images.read_image(tmp_path / "a.heic")
    with pytest.raises(ValueError, match="What the bytes hold .* kind that is not read: convert"):
        images.as_rgb(b"\0\0\0\x18ftypheic" * 9)
    with pytest.raises(ValueError, match=r"\.pgm holds no colours: take \.ppm or \.png"):
        images.write_image(tmp_path / "a.pgm", PICTURE)


def test_a_pipe_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    data = saved(tmp_path / "a.png", PICTURE, 1).read_bytes()
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(data), daemon=True)
    writer.start()
    np.testing.assert_array_equal(images.read_image(tmp_path / "pipe"), PICTURE)
    writer.join()


def test_the_bytes_of_a_file_and_open_files_are_taken(tmp_path):
    path = saved(tmp_path / "a.png", STORED_AS[6](PICTURE), 6)
    data = path.read_bytes()
    for taken in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        np.testing.assert_array_equal(images.as_rgb(taken), PICTURE)
    with path.open("rb") as file:
        np.testing.assert_array_equal(images.as_rgb(file), PICTURE)
        with pytest.raises(ValueError, match=r"a\.png is empty, or was read to its end"):
            images.as_rgb(file)
    with path.open() as file, pytest.raises(ValueError, match=r"a\.png is opened as text"):
        images.as_rgb(file)
    awaited = types.SimpleNamespace(read=lambda: asyncio.sleep(0), name="upload")
    with pytest.raises(ValueError, match="upload is read by await: give `await file.read"):
        images.as_rgb(awaited)
    with pytest.raises(
        ValueError, match=r"VideoCapture\.read\(\) gives a tuple\. Videos are read by"
    ):
        images.as_rgb(cv2.VideoCapture())
    for broken in (data[:60], io.BytesIO(data[:60])):
        with pytest.raises(ValueError, match="is cut short"):
            images.as_rgb(broken)
    for nothing in (b"", b"no picture"):
        with pytest.raises(
            ValueError, match="What the bytes hold is not a picture that can be read"
        ):
            images.as_rgb(nothing)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    images.write_image("~/folder/a.png", PICTURE)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    for path in ("~/folder/a.png", pathlib.Path("~/folder/a.png")):
        np.testing.assert_array_equal(images.as_rgb(path), PICTURE)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/a.jpg",
        "file:///tmp/a.jpg",
        "s3://faces/a.png",
        "data:image/png;base64,iV",
    ],
)
def test_an_address_is_not_taken_for_a_path(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for act in (images.as_rgb, lambda path: images.write_image(path, PICTURE)):
        with pytest.raises(ValueError, match=f"{address} is an address, not a path"):
            act(address)
    assert not list(tmp_path.iterdir())


def test_an_animation_is_read_as_its_first_picture_with_a_warning(tmp_path, recwarn):
    first, *others = [Image.fromarray(np.roll(PICTURE, 9 * i, 0)) for i in range(3)]
    for suffix in (".png", ".gif", ".webp", *([".avif"] if features.check("avif") else [])):
        path = tmp_path / f"a{suffix}"
        first.save(path, save_all=True, append_images=others, duration=100)
        with pytest.warns(UserWarning, match=f"a{suffix} is an animation"):
            assert images.read_image(path).shape == PICTURE.shape
        recwarn.clear()
        first.save(path)
        assert images.read_image(path).shape == PICTURE.shape
        assert not recwarn


@pytest.mark.parametrize("suffix", [".flv", ".wmv", ".mp4"])
def test_a_video_is_no_picture_and_its_reader_is_named(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"FLV\x01")
    with pytest.raises(ValueError, match=f"a{suffix} is a video: pictures.VideoReader"):
        images.read_image(path)


@pytest.mark.parametrize("kind", ["float32", "int64", "grey", "rgba", "pil"])
def test_any_picture_is_written(tmp_path, kind):
    grey = np.repeat(PICTURE[..., :1], 3, axis=-1)
    picture, expected = {
        "grey": (PICTURE[..., 0], grey),
        "rgba": (np.dstack([PICTURE, PICTURE[..., 0]]), PICTURE),
        "pil": (Image.fromarray(PICTURE), PICTURE),
    }.get(kind) or (PICTURE.astype(kind), PICTURE)
    images.write_image(tmp_path / "a.png", picture)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), expected)


def test_fractions_are_not_written_as_black(tmp_path):
    with pytest.raises(ValueError, match="multiply the picture by 255"):
        images.write_image(tmp_path / "a.png", PICTURE / 255)


# Warping


def blob(size, point, radius):
    """A grey picture, dark but for a soft light of `radius` pixels at a point."""
    y, x = np.indices(size)
    light = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * radius**2))
    return np.repeat(light[..., None] * 1000, 3, axis=-1).astype("float32")


def centre_of_light(picture):
    light = np.float64(picture[..., 0])
    y, x = np.indices(light.shape)
    return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()


WARPS = {
    "identity": (np.float32([[1, 0, 0], [0, 1, 0]]), (200, 240)),
    "upscaling": (geometry.similarity_transform(2.7, 0, (110, 90)), (200, 240)),
    "half the size": (geometry.resize_transform((200, 240), (100, 120)), (100, 120)),
    "a third of the size": (geometry.resize_transform((200, 240), (64, 80)), (64, 80)),
    "a ninth of the size": (geometry.resize_transform((200, 240), (22, 26)), (22, 26)),
    "rotation": (geometry.similarity_transform(1, 33, (120, 100)), (200, 240)),
    "rotation, far smaller": (
        geometry.compose(
            geometry.resize_transform((200, 240), (40, 48)),
            geometry.similarity_transform(0.9, -70, (120, 100), (3.3, -5.7)),
        ),
        (40, 48),
    ),
    "mirroring": (geometry.mirror_transform(240), (200, 240)),
    "mirroring, far smaller": (
        geometry.compose(
            geometry.resize_transform((200, 240), (50, 60)), geometry.mirror_transform(240)
        ),
        (50, 60),
    ),
    "a box": (geometry.box_transform(np.float32([60, 40, 160, 140]), (128, 128)), (128, 128)),
    "a box beyond the borders, far smaller": (
        geometry.box_transform(np.float32([-80, -170, 370, 280]), (112, 112)),
        (112, 112),
    ),
}


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("point", [(110, 90), (123.25, 98.5)])
def test_a_lit_pixel_moves_with_its_point(name, point):
    transform, size = WARPS[name]
    warped = images.warp(blob((200, 240), point, radius=7), transform, size)
    assert warped.shape == (*size, 3)
    expected = geometry.transform_points(np.float32([point]), transform)[0]
    np.testing.assert_allclose(centre_of_light(warped), expected, atol=0.03)


@pytest.mark.parametrize("size", [(199, 239), (198, 241), (203, 235)])
def test_a_lit_pixel_moves_with_its_point_where_whole_blocks_do_not_fill_the_picture(size):
    point = (size[1] - 30.0, size[0] - 26.0)
    transform = geometry.resize_transform(size, (48, 56))
    warped = images.warp(blob(size, point, radius=6), transform, (48, 56))
    expected = geometry.transform_points(np.float32([point]), transform)[0]
    np.testing.assert_allclose(centre_of_light(warped), expected, atol=0.05)


def test_far_smaller_pictures_are_averaged_not_sampled():
    noise = RNG.uniform(0, 255, (160, 160, 3)).astype("float32")
    spread = noise.std()
    warped = images.warp(noise, geometry.resize_transform((160, 160), (20, 20)), (20, 20))
    # The mean of k numbers spreads by 1 / sqrt(k); at least 7 x 7 pixels make one.
    inside = warped[1:-1, 1:-1]
    assert inside.std() < 1.1 * spread / 7
    np.testing.assert_allclose(inside.mean(), noise.mean(), rtol=0.02)


@pytest.mark.parametrize("side", range(50, 70))
def test_a_far_smaller_picture_has_no_dark_edges(side):
    white = np.full((side, side, 3), 255, "uint8")
    warped = images.warp(white, geometry.resize_transform((side, side), (7, 7)), (7, 7))
    assert warped.min() == 255


def test_a_picture_too_wide_for_opencv_is_warped():
    picture = np.zeros((4, 40_000, 3), np.uint8)
    picture[1, 39_000] = 200
    warped = images.warp(picture, np.array([[1, 0, -38_998], [0, 1, 0]]), (4, 4))
    assert warped[1, 2, 0] == 200


def test_outside_of_the_picture_is_black():
    white = np.full((50, 50, 3), 255, "uint8")
    for side in (100, 400):  # the second is reduced first
        box = np.float32([25 - side / 2, 25 - side / 2, 25 + side / 2, 25 + side / 2])
        warped = images.warp(white, geometry.box_transform(box, (64, 64)), (64, 64))
        assert warped[32, 32].min() == 255
        assert warped[:16].max() == warped[-16:].max() == 0
        assert warped[:, :16].max() == warped[:, -16:].max() == 0


@pytest.mark.parametrize("side", [10, 200])
def test_a_box_wholly_outside_of_the_picture_is_black(side):
    white = np.full((50, 50, 3), 255, "uint8")
    for left, top in [(-500, 0), (500, 10), (0, 900), (10, -900)]:
        box = np.float32([left, top, left + side, top + side])
        assert images.warp(white, geometry.box_transform(box, (16, 16)), (16, 16)).max() == 0


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("size", [(60, 80), (10, 15)])
def test_warping_keeps_channels_and_dtype(channels, dtype, size):
    picture = np.full((40, 60, channels), 100, dtype)
    warped = images.warp(picture, geometry.resize_transform((40, 60), size), size)
    assert warped.shape == (*size, channels)
    assert warped.dtype == dtype
    np.testing.assert_allclose(warped[size[0] // 2, size[1] // 2], 100, atol=1)


# Reducing


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_reducing_says_where_points_went(factor):
    point = (70.0, 50.0)
    start = np.float64([[1, 0, 11], [0, 1, -5]])
    reduced, transform = images.reduce(blob((130, 170), point, radius=8), factor, start)
    assert reduced.shape == (math.ceil(130 / factor), math.ceil(170 / factor), 3)
    # `start` takes (59, 55) to where the light is.
    expected = geometry.transform_points(np.float64([[59, 55]]), transform)[0]
    np.testing.assert_allclose(centre_of_light(reduced), expected, atol=0.02)


def test_reducing_averages_blocks():
    picture = RNG.uniform(0, 255, (6, 9, 3)).astype("float32")
    reduced, _ = images.reduce(picture, 3, np.float64([[1, 0, 0], [0, 1, 0]]))
    for row in range(2):
        for column in range(3):
            block = picture[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
            np.testing.assert_allclose(reduced[row, column], block.mean(axis=(0, 1)), rtol=1e-4)


def test_a_picture_smaller_than_the_factor_becomes_one_pixel():
    reduced, transform = images.reduce(PICTURE, 100, np.float64([[1, 0, 0], [0, 1, 0]]))
    assert reduced.shape == (1, 1, 3)
    np.testing.assert_allclose(reduced[0, 0], PICTURE.mean(axis=(0, 1)), atol=1)
    centre = geometry.transform_points(np.float64([[15.5, 23.5]]), transform)
    np.testing.assert_allclose(centre, [[0, 0]], atol=1e-6)


def test_reducing_keeps_a_single_channel():
    reduced, _ = images.reduce(np.zeros((8, 8, 1), "uint8"), 2, np.eye(2, 3))
    assert reduced.shape == (4, 4, 1)


def test_reading_gives_what_opencv_would_write(tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), PICTURE[..., ::-1])
    np.testing.assert_array_equal(images.read_image(path), PICTURE)


def test_channels_that_come_first_are_told():
    with pytest.raises(ValueError, match=r"not \(3, 20, 30\).*transpose\(1, 2, 0\)"):
        images.as_rgb(np.zeros((3, 20, 30), np.uint8))


def test_a_picture_in_base64_and_a_number_are_no_paths():
    with pytest.raises(FileNotFoundError, match=r"No picture at iVBOR.*\.\.\.: File name too long"):
        images.as_rgb("iVBOR" * 1000)
    with pytest.raises(ValueError, match="an open file, a PIL picture .* not a int"):
        images.as_rgb(0)
    for none in (5, None, b"a.jpg"):
        with pytest.raises(TypeError, match=f"Expected a path, not {none}"):
            images.write_image(none, PICTURE)


def test_a_picture_too_large_for_its_format_is_told(tmp_path):
    for ending, width in ((".jpg", 70_000), (".webp", 17_000)):
        with pytest.raises(ValueError, match=f"{width} x 2 pixels are too many for {ending}"):
            images.write_image(tmp_path / f"wide{ending}", np.zeros((2, width, 3), np.uint8))


@pytest.mark.parametrize("part", [b"\xff", b"\xff\xe0\0\2"])
def test_megabytes_of_headers_are_soon_looked_through(part):
    data, began = b"\xff\xd8" + part * (8_000_000 // len(part)) + b"\xff\xd9", time.process_time()
    kinds.is_cut_short(data), kinds.scans_of(data)
    assert time.process_time() - began < 1
    assert kinds.scans_of(b"\xff\xd8" + b"\xff\xe0\0\2" * 20_000 + b"\xff\xd9") > images.SCANS


class Gone(ValueError):
    """An error that can be asked whether it is still there."""


def gone(picture=None):
    raise Gone("gone")


def faulty():
    yield PICTURE
    gone()


@pytest.mark.parametrize(
    "act",
    [
        lambda: list(ahead.look_ahead([PICTURE], gone)),
        lambda: list(ahead.look_ahead(faulty(), np.mean)),
        lambda: list(finder._batches(map(gone, [PICTURE]))),
    ],
    ids=["looked at", "read", "of a batch"],
)
def test_an_error_leaves_no_picture_in_memory(act):
    gc.collect()
    gc.disable()
    try:
        try:
            act()
        except Gone as error:
            kept = weakref.ref(error)
        assert kept() is None
    finally:
        gc.enable()


def test_a_file_of_a_few_bytes_moves_not():
    assert not kinds.moves(b"RIFF\0\0\0\0WEBPVP8X\x0a\0")


def test_one_path_is_read_ahead(tmp_path):
    path = tmp_path / "a.png"
    images.write_image(path, np.zeros((4, 5, 3), np.uint8))
    ((source, picture),) = read_ahead(str(path))
    assert (source, picture.shape) == (str(path), (4, 5, 3))


def test_a_pil_picture_that_comes_again_is_the_same_picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    images.write_image(tmp_path / "a.png", noise)
    for _ in range(5):
        lazy = Image.open(tmp_path / "a.png")
        for _, picture in read_ahead([lazy] * 4):
            np.testing.assert_array_equal(picture, noise)


class Tensor:
    """Holds an array that is written over, as a tensor of another package."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize("kind", ["bytearray", "memoryview", "tensor"])
def test_an_iterator_may_write_over_what_held_the_last_picture(kind):
    shades = [np.full((8, 8, 3), 9 * i, np.uint8) for i in range(6)]

    def pictures():
        pixels, data = np.empty_like(shades[0]), bytearray(cv2.imencode(".bmp", shades[0])[1])
        for shade in shades:
            pixels[:], data[:] = shade, cv2.imencode(".bmp", shade)[1].tobytes()
            yield {"bytearray": data, "memoryview": memoryview(data)}.get(kind, Tensor(pixels))

    assert [picture[0, 0, 0] for _, picture in read_ahead(pictures())] == [9 * i for i in range(6)]


def test_what_an_iterator_gave_before_its_error_comes_first():
    def pictures():
        yield from [PICTURE] * 13
        raise RuntimeError("the camera is gone")

    seen = []
    with pytest.raises(RuntimeError, match="the camera is gone"):
        seen.extend(read_ahead(pictures()))
    assert len(seen) == 13


@pytest.mark.parametrize("kind", ["files", "buffer"])
def test_a_broken_picture_of_an_iterator_is_told_as_that_of_a_list(kind):
    def of_files():
        with io.BytesIO(b"no picture") as file:  # closed before it is looked at
            yield file

    def of_a_buffer():
        pixels = np.empty((8, 8, 3), np.float32)
        for shade in (0, np.nan, 80, 120):
            pixels[:] = shade
            yield pixels

    pictures, said = {
        "files": (of_files(), "not a picture that can be read"),
        "buffer": (of_a_buffer(), "holds NaN"),
    }[kind]
    errors = []
    found = [picture[0, 0, 0] for _, picture in read_ahead(pictures, lambda _, e: errors.append(e))]
    assert found == ([0, 80, 120] if kind == "buffer" else [])
    assert [said in str(error) for error in errors] == [True]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((1, 8, 8, 3)), "Give one picture at a time"),
        (np.array(["a.jpg"]), r"a list of these, not a ndarray: list\(\.\.\.\) makes one"),
        (map(str, "ab"), r"not a map: list\(\.\.\.\) makes one"),
    ],
)
def test_what_holds_several_pictures_says_how_to_give_them(given, message):
    with pytest.raises(ValueError, match=message):
        images.as_rgb(given)


def test_fewer_pictures_are_read_ahead_where_they_are_large(monkeypatch):
    picture, taken = np.zeros((100, 100, 3), np.uint8), []
    monkeypatch.setattr(ahead, "BYTES", 2 * picture.nbytes)
    sources = (taken.append(i) or picture for i in range(40))
    most = max(len(taken) - i for i, _ in enumerate(read_ahead(sources), start=1) if i > 8)
    assert most == 1


def test_a_jpg_of_too_many_scans_is_refused():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    for progressive, scans in ((False, 1), (True, 10)):
        file = io.BytesIO()
        noise.save(file, "jpeg", progressive=progressive)
        assert kinds.scans_of(file.getvalue()) == scans
        assert images.as_rgb(file.getvalue()).shape == (64, 64, 3)
    data = file.getvalue()
    again = data[data.rindex(b"\xff\xda") : -2]  # of its last scan
    with pytest.raises(ValueError, match="a progressive jpg of more than 100 scans"):
        images.as_rgb(data[:-2] + again * 100 + data[-2:])
    images.as_rgb(data + again * 100)  # behind its end, as the film of a moving photo
    assert kinds.scans_of(b"no jpg") == 1


def test_a_picture_reduced_to_two_fifths_is_averaged_by_two():
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 250
    warped = images.warp(stripes, geometry.resize_transform((100, 100), (40, 40)), (40, 40))
    assert (warped[5:-5, 5:-5] == 125).all()
