import json

import numpy as np
from faces import write_300w

from keras_landmarks.cli import main
from keras_landmarks.pictures import read_image


def test_check_tells_what_a_data_set_holds_and_draws_the_suspicious(tmp_path, capsys):
    write_300w(tmp_path / "300W", 2)
    sheet, facts = tmp_path / "sheet.png", tmp_path / "facts.json"
    words = ["check", str(tmp_path / "300W"), "--model", "tiny-ibug68", "--out", str(sheet)]
    assert main([*words, "--json", str(facts)]) == 0
    said = capsys.readouterr().out
    written = json.loads(facts.read_text())
    assert written["faces"] == {"300w/train": 6, "300w/full": 2}
    assert written["compared_with"] == "tiny-ibug68's points"
    assert '"faces_with_boxes": 8' in said
    assert f"{sheet} shows them." in said
    assert read_image(sheet).shape[1] == 5 * 192
    assert main(["check", str(tmp_path / "300W"), "--model", "none", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["doubts"] == {}


def test_words_of_files_are_refused_for_a_data_set(tmp_path, capsys):
    write_300w(tmp_path / "300W", 2)
    for more in (["--images", str(tmp_path)], ["--scheme", "five5"]):
        assert main(["check", str(tmp_path / "300W"), "--model", "none", *more]) == 1
        assert "--images and --scheme are for annotation files" in capsys.readouterr().err


def test_check_of_a_broken_file_goes_on_and_of_none_ends(tmp_path, capsys):
    write_300w(tmp_path / "300W", 2)
    next((tmp_path / "300W/afw").glob("*.jpg")).write_bytes(b"no picture")
    assert main(["check", str(tmp_path / "300W"), "--model", "none"]) == 0
    printed = capsys.readouterr()
    assert "is left out" in printed.err
    assert '"300w/train": 5' in printed.out
    assert main(["check", str(tmp_path / "nowhere")]) == 1
    assert "No nowhere in" in capsys.readouterr().err


def test_check_of_two_files_finds_a_picture_that_is_in_both(tmp_path, capsys):
    from keras_landmarks import data
    from keras_landmarks.pictures import write_image

    faces = []
    for i, face in enumerate(data.made_up_faces(4, size=80)):
        write_image(tmp_path / f"{i}.png", face.image)
        faces.append(data.Face(tmp_path / f"{i}.png", face.landmarks, "ibug68"))
    write_image(tmp_path / "again.png", np.ascontiguousarray(faces[0].pixels()[2:, 1:]))
    again = data.Face(tmp_path / "again.png", faces[0].landmarks - [1, 2], "ibug68")
    data.write_table(tmp_path / "train.csv", faces)
    data.write_table(tmp_path / "test.csv", [again])
    paths = [str(tmp_path / "train.csv"), str(tmp_path / "test.csv")]
    assert main(["check", *paths, "--model", "none"]) == 0
    printed = capsys.readouterr()
    assert '"same_pictures_across_parts": 1' in printed.out
    assert "has no face for 1 pictures" in printed.err


def test_what_cannot_be_drawn_to_is_said_before_faces_are_looked_at(capsys):
    assert main(["check", "nowhere", "--out", "sheet.xyz"]) == 1
    assert "sheet.xyz: expected an ending of a picture" in capsys.readouterr().err


def test_points_inside_of_a_face_make_no_box_suspicious(tmp_path, capsys):
    """Eyes, nose and mouth of faces whose boxes hold the whole of them, and no `square` told."""
    from keras_landmarks import data, schemes
    from keras_landmarks.pictures import write_image

    names = ["right eye", "left eye", "nose", "mouth"]
    points = f"points = {json.dumps(names)}"
    text = f'name = "inner"\n{points}\nright_eye = ["right eye"]\nleft_eye = ["left eye"]\n'
    (tmp_path / "inner.toml").write_text(text)
    rows = ["image,left,top,right,bottom," + ",".join(f"{a}{i}" for i in range(4) for a in "xy")]
    for number, face in enumerate(data.made_up_faces(10, size=120)):
        write_image(tmp_path / f"{number}.png", face.image)
        parts = (range(36, 42), range(42, 48), [30], range(48, 68))
        inner = np.concatenate([face.landmarks[[*part]].mean(axis=0) for part in parts])
        rows.append(",".join(map(str, [f"{number}.png", *face.box, *inner])))
    (tmp_path / "faces.csv").write_text("\n".join(rows))
    words = ["check", str(tmp_path / "faces.csv"), "--scheme", str(tmp_path / "inner.toml")]
    try:
        assert main([*words, "--model", "none", "--json", "-"]) == 0
    finally:
        schemes.SCHEMES.pop("inner", None)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["doubts"] == {}
    assert "The squares around the points of inner are" in printed.err


def test_a_sheet_that_cannot_be_written_is_told_before_the_work(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["check", "nowhere", "--out", str(tmp_path / "file/sheet.png")]) == 1
    assert "sheet.png cannot be written" in capsys.readouterr().err
    (tmp_path / "sheet.png").mkdir()
    assert main(["check", "nowhere", "--out", str(tmp_path / "sheet.png")]) == 1
    assert "sheet.png is a folder" in capsys.readouterr().err
