"""Commands of pages: what runs them does what a reader does, and every page says where its commands are run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from page_commands import Failed, Reader, blocks
from repository_files import ROOT

PAGE = """# A page

<!-- run: here -->

Words.

## First

```sh
echo "a FRUIT" > note
```

Then, indented:

   ```sh
   cat note
   ```

```yaml
not: commands
```

## Second

<!-- run: cluster -->
```sh
kubectl get all
```

<!-- not run: it would buy something -->

```sh
buy
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path, replacements={"FRUIT": "pear", "NOBODY": "x"}, seconds=20) as reading:
        yield reading


def marked(tmp_path: Path, text: str, mark: str = "run: here") -> Path:
    path = tmp_path / "marked.md"
    path.write_text(f"# M\n\n## S\n\n<!-- {mark} -->\n```sh\n{text}\n```\n")
    return path


def test_a_block_says_where_it_is_run_or_the_page_does(page: Path) -> None:
    found = blocks(page)
    assert [(each.section, each.place, each.reason) for each in found] == [
        ("First", "here", ""),
        ("First", "here", ""),
        ("Second", "cluster", ""),
        ("Second", "nowhere", "it would buy something"),
    ]
    assert found[1].text == "cat note\n"
    assert str(found[0]) == "page.md:9 First"


def test_a_block_that_nothing_marks_is_an_error(page: Path) -> None:
    page.write_text(PAGE.replace("<!-- run: here -->\n", ""))
    with pytest.raises(ValueError, match=r"page\.md:8: nothing says where these commands are run"):
        blocks(page)


def test_a_mark_that_belongs_to_no_block_is_an_error(page: Path) -> None:
    page.write_text(PAGE.replace("Then, indented:", "<!-- run: cluster -->\nThen, indented:"))
    with pytest.raises(ValueError, match="a mark before what is no block"):
        blocks(page)


def test_blocks_share_a_folder_and_words_are_replaced(page: Path, reader: Reader) -> None:
    for block in blocks(page)[:2]:
        reader.run(block)
    assert reader.printed == {"First": "a pear\n"}
    assert reader.unused() == {"NOBODY"}


@pytest.mark.parametrize("text", ["false; echo on", "false | cat; echo on", 'echo "$unset"', "exit 3"])
def test_a_command_that_fails_ends_its_block_and_is_shown(tmp_path: Path, reader: Reader, text: str) -> None:
    (block,) = blocks(marked(tmp_path, f"echo before; {text}"))
    with pytest.raises(Failed, match=r"marked.md:6 S: ended with [13]") as failed:
        reader.run(block)
    assert "before\n" in str(failed.value)
    assert "\non" not in str(failed.value)


def test_what_goes_on_runs_beside_the_next_block_and_is_stopped_at_the_end(tmp_path: Path) -> None:
    text = "trap 'echo over > end; exit 0' INT; echo ready; read -r line < fifo"
    os.mkfifo(tmp_path / "fifo")
    with Reader(tmp_path, seconds=20) as reader:
        assert "ready" in reader.run(blocks(marked(tmp_path, text, "run: here, until ready"))[0])
        reader.run(blocks(marked(tmp_path, "test ! -e end"))[0])
    assert (tmp_path / "end").read_text() == "over\n"


def test_what_goes_on_may_print_as_much_as_it_likes(tmp_path: Path, reader: Reader) -> None:
    os.mkfifo(tmp_path / "fifo")
    text = "echo ready; head -c 300000 /dev/zero | tr '\\0' x; echo done > fifo; read -r line < fifo"
    reader.run(blocks(marked(tmp_path, text, "run: here, until ready"))[0])
    assert reader.run(blocks(marked(tmp_path, 'read -r line < fifo; echo "$line"'))[0]) == "done\n"


def test_what_goes_on_without_saying_what_is_waited_for_has_failed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (block,) = blocks(marked(tmp_path, "echo almost; read -r line < fifo", "run: here, until ready"))
    with Reader(tmp_path, seconds=1) as reader, pytest.raises(Failed, match="was not over after 1 s"):
        reader.run(block)


def test_what_ends_before_it_says_what_is_waited_for_has_failed(tmp_path: Path, reader: Reader) -> None:
    (block,) = blocks(marked(tmp_path, "echo almost", "run: here, until ready"))
    with pytest.raises(Failed, match="ended with 0"):
        reader.run(block)


def test_a_block_that_hangs_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (block,) = blocks(marked(tmp_path, "bash -c 'echo $$; read -r line < fifo'"))
    with Reader(tmp_path, seconds=1) as reader, pytest.raises(Failed, match="was not over after 1 s"):
        reader.run(block)
    with pytest.raises(ProcessLookupError):
        os.kill(int(reader.printed["S"]), 0)


# Pages all of whose commands are run, and by which test.
RUN = {
    "backup.md": ["tests/simulation/test_pages_for_one_machine.py"],
    "tutorial.md": ["tests/simulation/test_pages_for_one_machine.py", "tests/cluster/test_tutorial_in_a_cluster.py"],
    "migration.md": ["tests/unit/house/test_migration_page.py", "tests/cluster/test_migration_page_in_a_cluster.py"],
    "operations.md": ["tests/cluster/test_operations_page.py"],
    "state.md": ["tests/unit/house/test_state_page.py"],
}


@pytest.mark.parametrize("name", sorted(RUN))
def test_every_command_of_the_page_is_run_or_says_why_not(name: str) -> None:
    found = blocks(ROOT / "docs" / name)
    assert len(found) > 3
    assert [str(block) for block in found if block.place == "nowhere" and len(block.reason.split()) < 4] == []
    for test in RUN[name]:
        assert f'"{name}"' in (ROOT / test).read_text(encoding="utf-8")
