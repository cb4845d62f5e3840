"""Conversion of whatever engines and users bring, and the cache."""

from __future__ import annotations

import os
import subprocess
import time
import tracemalloc
import wave
from pathlib import Path

import pytest

from hasip.audio.cache import AudioCache
from hasip.audio.convert import LARGEST_BYTES, LONGEST_IN_MEMORY_BYTES, convert
from hasip.audio.fence import FileFence
from hasip.calls.prompt import TAIL_S
from hasip.errors import AudioError
from support import audio

RATE_HZ = 16_000
TAIL = round(TAIL_S * RATE_HZ)  # samples of silence at the end


def tone(path: Path, rate_hz: int = 8_000, channels: int = 1) -> Path:
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=440:duration=1"]
    shape = ["-ar", str(rate_hz), "-ac", str(channels), str(path)]
    subprocess.run([*command, *shape], check=True, stdin=subprocess.DEVNULL, timeout=20)
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.ogg", "a.flac"])
@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (16_000, 2), (22_050, 1)])
def test_every_kind_becomes_mono_at_the_bridges_rate_with_its_tone_kept(
    tmp_path: Path, name: str, rate_hz: int, channels: int
) -> None:
    target = tmp_path / "out.wav"

    convert(tone(tmp_path / name, rate_hz, channels), target, RATE_HZ)

    with wave.open(str(target)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (RATE_HZ, 1, 2)
        assert wav.getnframes() == pytest.approx(RATE_HZ + TAIL, rel=0.1)
    samples = audio.read_wav(target)[1000:7000]
    assert audio.tone_dbfs(samples, 440) > audio.level_dbfs(samples) - 1
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\x00\xf0\xff\x7f"])
def test_a_wav_whose_engine_did_not_know_its_size_is_read_to_its_end(
    tmp_path: Path, size: bytes
) -> None:
    source = tone(tmp_path / "a.wav", RATE_HZ)
    data = bytearray(source.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = size
    source.write_bytes(data)

    convert(source, tmp_path / "out.wav", RATE_HZ)

    with wave.open(str(tmp_path / "out.wav")) as wav:
        assert wav.getnframes() == pytest.approx(RATE_HZ + TAIL, rel=0.01)
        assert not any(wav.readframes(wav.getnframes())[-2 * TAIL :]), "the tail is silent"


def test_what_is_no_audio_or_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        convert(tmp_path / "none.mp3", tmp_path / "out.wav", RATE_HZ)
    (tmp_path / "text.mp3").write_text("hello", encoding="utf-8")
    with pytest.raises(AudioError, match=r"text\.mp3: ffmpeg cannot read it: "):
        convert(tmp_path / "text.mp3", tmp_path / "out.wav", RATE_HZ)


def test_a_name_that_is_too_long_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be read: File name too long"):
        convert(tmp_path / ("x" * 5000), tmp_path / "target.wav", 16_000)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("folder", "is a folder"),
        ("pipe", "is a pipe"),
        ("device", "is a device"),
        ("link", "is a link"),
    ],
)
def test_what_is_no_file_is_named_and_not_opened(tmp_path: Path, kind: str, said: str) -> None:
    """A pipe to which nobody writes would be waited for, and /dev/zero does not end."""
    source = Path("/dev/zero") if kind == "device" else tmp_path / "a.wav"
    if kind == "folder":
        source.mkdir()
    elif kind == "pipe":
        os.mkfifo(source)
    elif kind == "link":
        source.symlink_to(tone(tmp_path / "b.wav"))

    with pytest.raises(AudioError, match=f"{source}: {said}, not a file"):
        convert(source, tmp_path / "out.wav", RATE_HZ)


def test_a_part_of_the_path_that_became_a_link_leads_nowhere(tmp_path: Path) -> None:
    for folder in ("config", "secrets"):
        (tmp_path / folder).mkdir()
        tone(tmp_path / folder / "a.wav", RATE_HZ)
    allowed = FileFence([tmp_path / "config"]).path("audio_file", str(tmp_path / "config/a.wav"))
    (tmp_path / "config").rename(tmp_path / "away")
    (tmp_path / "config").symlink_to(tmp_path / "secrets")

    with pytest.raises(AudioError, match=r"config/a\.wav: cannot be read"):
        convert(allowed, tmp_path / "out.wav", RATE_HZ)


def test_what_is_too_large_or_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.mp3"
    with large.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)  # takes no room on the disk
    with pytest.raises(AudioError, match=r"large\.mp3: is larger than 1024 MiB"):
        convert(large, tmp_path / "out.wav", RATE_HZ)
    monkeypatch.setattr("hasip.audio.convert.LONGEST_S", -0.5)  # half a second
    with pytest.raises(AudioError, match=r"a\.mp3: is longer than"):
        convert(tone(tmp_path / "a.mp3"), tmp_path / "out.wav", RATE_HZ)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("begin", ["#EXTM3U\n", "\ufeffffconcat version 1.0\n", "<?xml?><MPD>"])
def test_a_list_of_other_files_is_no_audio(tmp_path: Path, begin: str) -> None:
    """What it names could be anywhere: ffmpeg would read it."""
    tone(tmp_path / "secret.mp3")
    source = tmp_path / "list.m3u8"
    entry = f"#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.mp3\n#EXT-X-ENDLIST\n"
    source.write_text(begin + entry, encoding="utf-8")

    with pytest.raises(AudioError, match=r"list\.m3u8: is a list of other files, not audio"):
        convert(source, tmp_path / "out.wav", RATE_HZ)


def test_a_long_wav_is_not_held_in_memory(tmp_path: Path) -> None:
    source, target = tmp_path / "long.wav", tmp_path / "out.wav"
    with wave.open(str(source), "wb") as wav:
        wav.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for _ in range(40):
            wav.writeframes(bytes(LONGEST_IN_MEMORY_BYTES))
    tracemalloc.start()

    convert(source, target, RATE_HZ)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LONGEST_IN_MEMORY_BYTES
    assert target.stat().st_size == source.stat().st_size + 2 * TAIL


def test_the_cache_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache = AudioCache(tmp_path / "cache", limit_bytes=250)
    (tmp_path / "cache").mkdir()
    wav = tmp_path / "x.wav"
    wav.write_bytes(b"x" * 100)
    for key, age in {"c": 3, "b": 2, "a": 1}.items():
        cache.keep([key], wav)
        found = cache.find([key])
        if found is not None:
            os.utime(found, (time.time() - age * 1000,) * 2)

    assert [key for key in "abc" if cache.find([key])] == ["a", "b"]
    os.utime(cache.find(["b"]) or "", (1, 1))
    assert cache.find(["b"])  # used just now
    os.utime(cache.find(["a"]) or "", (2, 2))
    cache.keep(["d"], wav)

    assert [key for key in "abcd" if cache.find([key])] == ["b", "d"]


def test_the_cache_leaves_nothing_half_written(tmp_path: Path) -> None:
    cache = AudioCache(tmp_path)
    old = tmp_path / "ha-sip-0.1.part"
    old.touch()
    os.utime(old, (1, 1))
    with pytest.raises(FileNotFoundError):
        cache.keep(["a"], tmp_path / "none.wav")
    assert cache.find(["a"]) is None
    (tmp_path / "x").write_bytes(b"whole")

    cache.keep(["a"], tmp_path / "x")

    assert (cache.find(["a"]) or old).read_bytes() == b"whole"
    assert list(tmp_path.glob("*.part")) == []
