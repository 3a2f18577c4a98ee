import moderngl
import numpy as np
import pytest

from render.frame_textures import FrameTextures
from tests.render.pictures import photograph


def shown(textures: FrameTextures) -> np.ndarray:
    assert textures.front is not None
    raw = np.frombuffer(textures.front.read(), np.uint8)
    return raw.reshape(textures.front.height, textures.front.width, 4)


def test_shows_the_newest_frame_and_keeps_two_textures(ctx):
    textures = FrameTextures(ctx)
    assert textures.front is None
    names = set()
    for value in range(6):
        image = photograph() // 8 + value
        textures.upload(image)
        assert np.array_equal(shown(textures), image)
        names.add(textures.front.glo)
    assert len(names) == 2
    textures.release()
    assert textures.front is None


def test_a_failed_upload_never_shows(ctx, monkeypatch):
    textures = FrameTextures(ctx)
    textures.upload(photograph())

    def breaks_halfway(self: moderngl.Texture, data: np.ndarray) -> None:
        write(self, data[: data.shape[0] // 2], viewport=(0, 0, data.shape[1], data.shape[0] // 2))
        raise MemoryError

    write = moderngl.Texture.write
    monkeypatch.setattr(moderngl.Texture, "write", breaks_halfway)
    with pytest.raises(MemoryError):
        textures.upload(255 - photograph())
    assert np.array_equal(shown(textures), photograph())
    monkeypatch.undo()
    textures.upload(255 - photograph())
    assert np.array_equal(shown(textures), 255 - photograph())
    textures.release()


def test_another_size_and_a_view_that_is_not_contiguous(ctx):
    textures = FrameTextures(ctx)
    textures.upload(photograph(64, 36))
    wide = photograph(50, 80)[:, ::-1]
    textures.upload(wide)
    assert np.array_equal(shown(textures), wide)
    textures.release()
