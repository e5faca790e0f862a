"""Pictures as they are to be seen: mirrored, with pixels that are not square, of tiles, animated, interlaced, HDR."""

import gc
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageOps, features

from vdt.media import VideoError, probe, read_frames, read_video, write_video
from vdt.media.opening import note
from vdt.media.pictures import heif_grid

MATRICES = {  # display matrices a, b, c, d, as the eight orientations of EXIF
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


@pytest.fixture
def said(caplog):
    """What users were told, once the same is told anew."""
    note.cache_clear()
    return lambda: [record.message for record in caplog.records]


def corners(height=32, width=48):
    """A picture without any symmetry."""
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[: height // 2, : width // 2] = (230, 30, 30)
    picture[height // 2 :, : width // 2] = (30, 200, 40)
    picture[: height // 2, width // 2 :] = (30, 60, 220)
    return picture


def exif_transposed(picture, orientation):
    """What Pillow makes of it."""
    image = Image.fromarray(picture)
    image.getexif()[274] = orientation
    return np.array(ImageOps.exif_transpose(image))


def test_photos_of_all_orientations_are_those_of_pillow(tmp_path):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        path = tmp_path / f"{orientation}.jpg"
        Image.fromarray(corners()).save(path, quality=95, subsampling=0, exif=exif)
        (frame,) = read_frames(path)
        right = np.array(ImageOps.exif_transpose(Image.open(path)))
        info = probe(path)
        assert frame.shape == right.shape == (info.height, info.width, 3), orientation
        assert np.abs(frame.astype(int) - right).mean() < 2, orientation
        assert info.mirrored == (orientation in (2, 4, 5, 7)), orientation


def test_videos_of_all_display_matrices(tmp_path):
    path = tmp_path / "phone.mp4"
    for orientation, (a, b, c, d) in MATRICES.items():
        write_video(path, [corners()] * 2, 8)
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 44
        data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        path.write_bytes(data)
        right, info = exif_transposed(corners(), orientation), probe(path)
        flipped = corners()[:, ::-1] if info.mirrored else corners()
        assert np.array_equal(np.rot90(flipped, info.rotation // 90), right), orientation
        for frame in read_frames(path):
            assert frame.shape == right.shape == (info.height, info.width, 3)
            assert frame.flags["C_CONTIGUOUS"] and np.abs(frame.astype(int) - right).mean() < 8, orientation


def test_pixels_that_are_not_square_are_made_so(make, media):
    for aspect, height, width, seen in (
        ((64, 45), 144, 180, 256),
        ((16, 15), 144, 180, 192),
        ((8, 9), 144, 180, 160),
        ((32, 27), 144, 180, 213),
        ((1, 1), 144, 180, 180),
        ((1, 1000), 144, 180, 180),  # a mistake
    ):
        for name in ("a.mp4", "a.mkv"):
            path = make(name, media.flat(4, height, width), aspect=Fraction(*aspect))
            info = probe(path)
            assert (info.height, info.width) == (height, seen), (aspect, name)
            assert {frame.shape for frame in read_frames(path)} == {(height, seen, 3)}, (aspect, name)


def test_a_turned_film_of_wide_pixels(make, media):
    path = make("a.mp4", [corners(96, 96)] * 2, aspect=Fraction(2))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    (frame, _) = read_frames(path)
    right = np.rot90(np.repeat(corners(96, 96), 2, axis=1), -1)
    assert frame.shape == right.shape and np.abs(frame.astype(int) - right).mean() < 8


def box(kind, *parts):
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def full(kind, version, flags, *parts):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def tiles_of(folder, picture, size):
    """HEVC samples of the tiles of a picture, and the box that describes them."""
    path, samples, described = folder / "tile.mp4", [], b""
    for top in range(0, picture.shape[0], size):
        for left in range(0, picture.shape[1], size):
            with av.open(str(path), "w") as container:
                parameters = "log-level=none:crf=4:keyint=1:info=0:repeat-headers=0"
                stream = container.add_stream("libx265", rate=1, options={"x265-params": parameters})
                stream.width = stream.height = size
                stream.pix_fmt, stream.codec_context.codec_tag = "yuv420p", "hvc1"
                tile = np.ascontiguousarray(picture[top : top + size, left : left + size])
                frame = av.VideoFrame.from_ndarray(tile).reformat(format="yuv420p")
                container.mux([*stream.encode(frame), *stream.encode(None)])
            with av.open(str(path)) as container:
                samples.append(bytes(next(container.demux(video=0))))
            data = path.read_bytes()
            at = data.index(b"hvcC") - 4
            described = data[at : at + struct.unpack(">I", data[at : at + 4])[0]]
    return samples, described


def write_heic(path, picture, seen, *, size=64, turns=0, mirror=None, kind=b"grid", in_file=False):
    """A HEIC of tiles (ISO 23008-12) that shows the first `seen` rows and columns of a picture, turned and mirrored."""
    samples, described = tiles_of(path.parent, picture, size)
    count, (rows, columns) = len(samples), (side // size for side in picture.shape[:2])
    main = count + 1 if kind else 1  # a picture without tiles is itself the main one
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, seen[1], seen[0])
    items = [full(b"infe", 2, 1 if kind else 0, struct.pack(">HH", n, 0), b"hvc1\0") for n in range(1, count + 1)]
    items += [full(b"infe", 2, 0, struct.pack(">HH", main, 0), kind + b"\0")] if kind else []
    links = full(b"iref", 0, 0, box(b"dimg", struct.pack(f">HH{count}H", main, count, *range(1, count + 1))))
    sizes = [full(b"ispe", 0, 0, struct.pack(">II", *pair)) for pair in ((size, size), (seen[1], seen[0]))]
    turned = [box(b"irot", bytes([turns]))] + ([box(b"imir", bytes([mirror]))] if mirror is not None else [])
    own = [*([3] if kind else [0x81, 2]), *(0x80 | 4 + n for n in range(len(turned)))]
    uses = [struct.pack(">HBBB", n, 2, 0x81, 2) for n in range(1, main)] + [
        struct.pack(">HB", main, len(own)),
        bytes(own),
    ]
    known = full(b"ipma", 0, 0, struct.pack(">I", main), *uses)
    links = links if kind else b""
    properties = box(b"iprp", box(b"ipco", described, *sizes, *turned), known)

    def meta(begin):
        places, at = [], begin
        for n, sample in enumerate(samples, 1):
            places.append(struct.pack(">HHHHII", n, 0, 0, 1, at, len(sample)))
            at += len(sample)
        if kind:
            places.append(struct.pack(">HHHHII", main, 0 if in_file else 1, 0, 1, at if in_file else 0, len(layout)))
        where = full(b"iloc", 1, 0, struct.pack(">BBH", 0x44, 0, len(places)), *places)
        head = full(b"hdlr", 0, 0, struct.pack(">I", 0), b"pict", bytes(13))
        listed = full(b"iinf", 0, 0, struct.pack(">H", len(items)), *items)
        data = [] if in_file else [box(b"idat", layout)]
        return full(
            b"meta", 0, 0, head, full(b"pitm", 0, 0, struct.pack(">H", main)), listed, links, properties, where, *data
        )

    brand = box(b"ftyp", b"heic", struct.pack(">I", 0), b"mif1heic")
    begin = len(brand) + len(meta(0)) + 8
    path.write_bytes(brand + meta(begin) + box(b"mdat", *samples, layout if in_file else b""))
    return path


def scene(height, width):
    """A picture in which every place has its own colour."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / width, y * 255 / height, (x // 64 + y // 64) % 2 * 80 + 60], 2).astype(np.uint8)


def test_a_photo_of_tiles_is_read_whole(tmp_path, media):
    if not media.has_encoder("libx265"):
        pytest.skip("this FFmpeg has no libx265")
    for size, seen, turns, mirror, in_file in (
        ((128, 128), (120, 124), 0, None, False),
        ((128, 192), (100, 192), 1, None, True),
        ((192, 64), (192, 50), 2, None, False),
        ((128, 128), (128, 100), 3, 1, False),
        ((64, 128), (64, 120), 0, 0, True),
    ):
        picture = scene(*size)
        path = write_heic(tmp_path / "a.heic", picture, seen, turns=turns, mirror=mirror, in_file=in_file)
        right = np.rot90(picture[: seen[0], : seen[1]], turns)
        right = right if mirror is None else right[:, ::-1] if mirror else right[::-1]
        (frame,) = read_frames(path, fps=30)
        info = probe(path)
        assert frame.shape == right.shape == (info.height, info.width, 3), (size, turns, mirror)
        assert np.abs(frame.astype(int) - right).mean() < 5, (size, turns, mirror)
        assert (info.fps, info.frames, info.duration) == (None, 1, None) and len(read_video(path)) == 1


def test_a_photo_without_tiles_is_turned_as_its_file_says(tmp_path, media):
    """Decoders up to FFmpeg 7 do not tell."""
    if not media.has_encoder("libx265"):
        pytest.skip("this FFmpeg has no libx265")
    picture = scene(64, 64)
    for turns, mirror in ((0, None), (1, None), (3, 1), (0, 0)):
        path = write_heic(tmp_path / "a.heic", picture, (64, 64), turns=turns, mirror=mirror, kind=None)
        right = np.rot90(picture, turns)
        right = right if mirror is None else right[:, ::-1] if mirror else right[::-1]
        (frame,) = read_frames(path, fps=12)
        assert probe(path).fps is None and np.abs(frame.astype(int) - right).mean() < 5, (turns, mirror)


def test_photos_that_cannot_be_put_together_are_one_sentence(tmp_path, media):
    if not media.has_encoder("libx265"):
        pytest.skip("this FFmpeg has no libx265")
    path = write_heic(tmp_path / "a.heic", scene(128, 128), (120, 120))
    data = path.read_bytes()
    with pytest.raises(VideoError, match="is made of other pictures"):
        probe(write_heic(tmp_path / "b.heic", scene(128, 128), (120, 120), kind=b"iovl"))
    layout = b"\0\0\1\1\0\x78\0\x78"
    assert layout in data
    for rows, columns, height in ((1, 2, 120), (255, 255, 120), (1, 1, 65000), (0, 0, 120)):
        path.write_bytes(data.replace(layout, struct.pack(">BBBBHH", 0, 0, rows, columns, 120, height)))
        with pytest.raises(VideoError, match=r"a\.heic' (is|has|holds|cannot be read)"):
            list(read_frames(path))
    for cut in range(40, 700, 7):  # no part of the metadata is trusted
        path.write_bytes(data[:cut] + bytes(data[cut : cut + 4][::-1]) + data[cut + 4 :])
        try:
            assert len(list(read_frames(path))) == 1
        except VideoError as error:
            assert "\n" not in str(error)


def test_other_files_are_no_photos_of_tiles(tmp_path, media):
    write_video(tmp_path / "a.mp4", media.flat(3), 8)
    (tmp_path / "empty.heic").touch()
    (tmp_path / "text.heic").write_text("ftypheic")
    assert [heif_grid(path) for path in sorted(tmp_path.iterdir())] == [None] * 3


def test_animations_are_read_whole(tmp_path, media):
    images = [Image.fromarray(frame) for frame in media.flat(20, 64, 64)]
    for name in ("a.webp", "a.gif", "a.png", "a.avif"):
        try:
            images[0].save(
                tmp_path / name, save_all=True, append_images=images[1:], duration=80, lossless=name == "a.webp"
            )
        except (KeyError, ValueError, OSError):
            continue  # this Pillow does not write it
        info = probe(tmp_path / name)
        assert (float(info.fps), info.height, info.width) == (pytest.approx(12.5), 64, 64), name
        for frames in (read_frames(tmp_path / name), read_video(tmp_path / name).frames):
            assert media.numbers(frames) == list(range(20)), name
        assert media.numbers(read_frames(tmp_path / name, start=0.8, max_frames=3)) == [10, 11, 12], name


def test_an_animated_webp_without_pillow_is_one_sentence(tmp_path, media, monkeypatch):
    images = [Image.fromarray(frame) for frame in media.flat(4)]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=[80, 40, 0, 90])
    assert probe(tmp_path / "a.webp").duration == pytest.approx(0.31)  # as browsers show one of 0: a tenth of a second
    (tmp_path / "cut.webp").write_bytes((tmp_path / "a.webp").read_bytes()[:-20])
    with pytest.raises(VideoError, match="is damaged"):
        list(read_frames(tmp_path / "cut.webp"))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(VideoError, match="is an animated WebP, which FFmpeg does not read: pip install pillow"):
        probe(tmp_path / "a.webp")


def test_alpha_is_read_where_it_is_asked_for(tmp_path, media):
    picture = np.dstack([corners(), np.full((32, 48), 255, np.uint8)])
    picture[4:8, 10:20, 3] = 0
    Image.fromarray(picture).save(tmp_path / "a.png")
    write_video(tmp_path / "a.mp4", media.flat(2), 8)
    (frame,) = read_frames(tmp_path / "a.png", alpha=True)
    assert np.array_equal(frame, picture) and next(read_frames(tmp_path / "a.png")).shape == (32, 48, 3)
    assert all((frame[..., 3] == 255).all() for frame in read_frames(tmp_path / "a.mp4", alpha=True))


def moving(count=12):
    """A bar that moves fast, so that the two fields of a frame differ."""
    for index in range(count):
        picture = np.full((64, 128, 3), 40, np.uint8)
        picture[:, 6 * index : 6 * index + 30] = 220
        yield picture


def interlaced(tmp_path):
    """Frames woven from the lines of two pictures each, and flagged so."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=128, height=64, format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 25))
    flag, sink = graph.add("setfield", "tff"), graph.add("buffersink")
    source.link_to(flag)
    flag.link_to(sink)
    graph.configure()
    pictures = list(moving())
    path, count = tmp_path / "woven.mkv", len(pictures) // 2
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ilme+ildct", "qmin": "1", "b": "20M"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for index in range(count):
            woven = pictures[2 * index].copy()
            woven[1::2] = pictures[2 * index + 1][1::2]
            frame = av.VideoFrame.from_ndarray(woven).reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            graph.push(frame)
            container.mux(stream.encode(graph.pull()))
        container.mux(stream.encode(None))
    return path, count


def combed(frame):
    """How much every other line differs from those around it."""
    grey = frame.astype(int).mean(-1)
    return np.abs(2 * grey[1:-1] - grey[:-2] - grey[2:]).mean()


def test_interlaced_frames_are_made_whole_and_that_is_said(tmp_path, said):
    path, count = interlaced(tmp_path)
    frames = list(read_frames(path))
    with av.open(str(path)) as container:
        woven = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(woven) == count
    assert combed(woven[2]) > 10 and all(combed(frame) < 2 for frame in frames)
    assert len(read_video(path)) == count and probe(path).fps == 25
    assert [text for text in said() if "woven.mkv' is interlaced" in text] == [said()[0]]  # once


def test_progressive_frames_are_left_alone(tmp_path, said):
    write_video(tmp_path / "a.mp4", moving(), 25, crf=0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        raw = [f.to_ndarray(format="rgb24", src_colorspace=1, dst_colorspace=5) for f in container.decode(video=0)]
    assert np.array_equal(np.stack(list(read_frames(tmp_path / "a.mp4"))), np.stack(raw)) and not said()


def test_hdr_is_said(make, media, said):
    for curve, name in ((18, "HLG"), (16, "PQ")):
        path = make(f"{name}.mkv", media.flat(3), codec="ffv1", pix_fmt="yuv420p10le", curve=curve)
        assert len(list(read_frames(path))) == 3
        assert any(f"HDR ({name})" in text for text in said())


def test_an_animated_webp_that_states_a_huge_size_is_one_sentence(tmp_path, media):
    """The canvas of 24 bits a side is read before any frame is: found by `make torture`."""
    images = [Image.fromarray(frame) for frame in media.flat(4)]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=80)
    data = bytearray((tmp_path / "a.webp").read_bytes())
    place = data.index(b"VP8X") + 12
    for size in (b"\xff\x7f\x00\xff\x3f\x00", b"\xff\xff\xff\xff\xff\xff"):
        data[place : place + 6] = size
        (tmp_path / "huge.webp").write_bytes(data)
        with pytest.raises(VideoError, match=r"huge.webp' is damaged: [^\n]+$"):
            probe(tmp_path / "huge.webp")


def test_the_alpha_of_avif_is_a_picture_of_its_own_and_is_turned_with_it(tmp_path):
    if not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    pixels = np.dstack([corners(), np.full((32, 48), 255, np.uint8)])
    pixels[8:16, 4:30, 3] = 0
    for orientation in (1, 3, 5, 6):
        exif = Image.Exif()
        exif[274] = orientation
        path = tmp_path / f"{orientation}.avif"
        Image.fromarray(pixels).save(path, exif=exif)
        (frame,) = read_frames(path, alpha=True)
        right = np.array(ImageOps.exif_transpose(Image.open(path)).convert("RGBA"))[..., 3]
        assert np.abs(frame[..., 3].astype(int) - right).max() < 8 and (right == 0).any(), orientation
    Image.fromarray(corners()).save(tmp_path / "opaque.avif")
    (frame,) = read_frames(tmp_path / "opaque.avif", alpha=True)
    assert (frame[..., 3] == 255).all()


def test_no_picture_is_kept_in_memory_until_python_collects_circles(tmp_path):
    path = tmp_path / "wide.mp4"
    write_video(path, [np.zeros((64, 96, 3), np.uint8)] * 3, 8)
    gc.collect()
    gc.disable()
    try:
        probe(path), list(read_frames(path))
        kept = [each for each in gc.get_objects() if type(each) is av.VideoFrame and each.width == 96]
    finally:
        gc.enable()
    assert not kept
