"""The key with which people's decisions are signed on one machine: made once, kept with the data, and nobody else's to read."""

import stat
from pathlib import Path

from embedded.stack import SIGNING_KEY, Stack
from worker.signing import Signer, new_key


def test_the_stack_has_a_key_and_tells_its_programs_where(stack: Stack) -> None:
    file = stack.folder / SIGNING_KEY
    assert (stack.signing_key, stack.environment()["PCA_SIGNING_KEY"], stack.state.signing_key) == (str(file),) * 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    Signer.load(file)


def test_it_is_made_once_and_a_half_written_one_never_counts(tmp_path: Path) -> None:
    (tmp_path / "signing-key.new").write_bytes(b"-----BEGIN")
    first = Signer.load(Stack(tmp_path)._kept(SIGNING_KEY, new_key)).key_id
    assert Signer.load(Stack(tmp_path)._kept(SIGNING_KEY, new_key)).key_id == first
    assert [path.name for path in tmp_path.iterdir()] == [SIGNING_KEY]
