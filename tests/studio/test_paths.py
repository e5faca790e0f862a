"""Names from graphs never lead out of the studio's folders."""

import pytest

from vdt_studio.paths import PathError, confine, list_files, save_slot, split_annotation


def test_names_that_lead_out_are_refused(tmp_path):
    names = ["../x.png", "a/../../x.png", "/etc/passwd", "C:\\x.png", "..\\x.png", "..", "a/../b.png", "x\0.png"]
    for name in names:
        with pytest.raises(PathError):
            confine(tmp_path, name)


def test_names_inside_resolve(tmp_path):
    assert confine(tmp_path, "a/b.png") == tmp_path.resolve() / "a" / "b.png"
    assert confine(tmp_path, "a\\b.png") == tmp_path.resolve() / "a" / "b.png"


def test_links_that_lead_out_are_refused_and_not_listed(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir(), outside.mkdir()
    (outside / "secret.png").write_text("x")
    (root / "own.png").write_text("x")
    (root / "file.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside)
    for name in ("file.png", "folder/secret.png", "folder/new.png"):
        with pytest.raises(PathError):
            confine(root, name)
    assert list_files(root) == ["own.png"]
    assert list_files(root, deep=True) == ["own.png"]


def test_the_root_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    assert confine(tmp_path / "alias", "x.png") == (tmp_path / "real" / "x.png").resolve()


def test_annotations_choose_the_folder(folders):
    assert split_annotation("a b.mp4 [output]") == ("a b.mp4", "output")
    assert split_annotation("a[1].mp4") == ("a[1].mp4", None)
    assert folders.locate("x.png [temp]").parent == folders.temp.resolve()
    assert folders.locate("x.png").parent == folders.input.resolve()
    with pytest.raises(PathError):
        folders.locate("../x.png [output]")


def test_save_slots_count_on_and_fill_in(tmp_path):
    first = save_slot(tmp_path, "video/clip_%width%x%height%", width=64, height=32)
    assert (first.subfolder, first.name("mp4")) == ("video", "clip_64x32_00001_.mp4")
    (first.folder / first.name("mp4")).write_text("x")
    (first.folder / "clip_64x32_other_00009_.mp4").write_text("x")  # of another prefix
    assert save_slot(tmp_path, "video/clip_64x32").counter == 2
    assert save_slot(tmp_path, "plain").subfolder == ""


def test_save_prefixes_stay_inside(tmp_path):
    for prefix in ("../x", "/tmp/x", "a/../../x"):
        with pytest.raises(PathError):
            save_slot(tmp_path / "output", prefix)
    assert not (tmp_path / "output").exists()
