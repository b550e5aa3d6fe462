import os
import socket
import stat

import pytest

from ipc import place as places
from ipc.errors import AlreadyListening, NotRunning, SocketUnusable

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


def claim(directory):
    with places.claimed(directory):
        pass


def listening(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fsencode(path))
    listener.listen()
    return listener


def test_missing_directories_are_made_private_whatever_the_umask(place):
    before = os.umask(0)
    try:
        claim(place.directory / "deep" / "er")
    finally:
        os.umask(before)
    for directory in (place.directory, place.directory / "deep", place.directory / "deep" / "er"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o710, 0o755, 0o777, 0o1777])
def test_a_directory_that_others_can_enter_is_refused_and_left_as_it_is(place, mode):
    place.directory.mkdir()
    place.directory.chmod(mode)
    with pytest.raises(SocketUnusable, match=f"mode {mode:04o}.*chmod 700 {place.directory}"):
        claim(place.directory)
    assert stat.S_IMODE(place.directory.stat().st_mode) == mode


@as_root
def test_a_directory_of_somebody_else_is_refused(place):
    place.directory.mkdir(0o700)
    os.chown(place.directory, NOBODY, NOBODY)
    with pytest.raises(SocketUnusable, match=f"belongs to user {NOBODY}"):
        claim(place.directory)


def test_a_link_and_a_file_in_place_of_the_directory_are_refused(place):
    place.directory.symlink_to(place.directory.parent)
    with pytest.raises(SocketUnusable, match="cannot be opened as a directory"):
        claim(place.directory)
    place.directory.unlink()
    place.directory.write_text("precious")
    with pytest.raises(SocketUnusable, match="cannot be opened as a directory"):
        claim(place.directory)
    with pytest.raises(SocketUnusable, match="cannot be created"):
        claim(place.directory / "below")
    assert place.directory.read_text() == "precious"


def test_a_directory_is_claimed_by_one_at_a_time(place):
    with places.claimed(place.directory), pytest.raises(AlreadyListening, match=str(place.directory)):
        claim(place.directory)
    claim(place.directory)


def test_only_a_socket_or_nothing_may_be_in_the_way(place):
    place.directory.mkdir()
    places.check_free(place.control)
    with listening(place.control):
        places.check_free(place.control)
    place.events.write_text("precious")
    with pytest.raises(SocketUnusable, match="left alone"):
        places.check_free(place.events)
    link = place.directory / "link"
    link.symlink_to(place.control)
    with pytest.raises(SocketUnusable, match="left alone"):
        places.check_free(link)
    assert place.events.read_text() == "precious"


def test_a_path_of_107_bytes_is_possible_and_one_of_108_is_not(place):
    place.directory.mkdir()
    shortest = place.directory / "ü"
    longest = shortest.with_name("ü" + "x" * (places.MAX_PATH_BYTES - len(os.fsencode(shortest))))
    places.check_length(longest)
    with listening(longest):
        places.check_listening(longest)
    longer = longest.with_name(longest.name + "x")
    with pytest.raises(SocketUnusable, match="108 bytes; at most 107"):
        places.check_length(longer)
    with pytest.raises(NotRunning, match="108 bytes; at most 107"):
        places.check_listening(longer)


def test_a_listening_socket_is_found_without_a_connection(place):
    place.directory.mkdir()
    with listening(place.control) as listener:
        places.check_listening(place.control)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_nothing_a_file_and_a_socket_left_behind_are_no_daemon(place):
    place.directory.mkdir()
    with pytest.raises(NotRunning, match=f"no socket at {place.control}"):
        places.check_listening(place.control)
    listening(place.control).close()
    with pytest.raises(NotRunning, match="refused"):
        places.check_listening(place.control)
    place.events.write_text("x")
    with pytest.raises(NotRunning, match="no daemon listens"):
        places.check_listening(place.events)


@as_root
def test_a_socket_of_somebody_else_is_not_spoken_to(place):
    place.directory.mkdir()
    with listening(place.control):
        os.chown(place.control, NOBODY, NOBODY)
        with pytest.raises(NotRunning, match=f"belongs to user {NOBODY}"):
            places.check_listening(place.control)
