"""Sends the frames of a TRC file to `trcaugment live --port PORT` and prints where the right knee is.

    trcaugment live --height 1.584 --mass 58.32 --port 5005 &
    python examples/live_client.py 5005 examples/walk.trc

Needs numpy and trcaugment only to read the file; a client may be written in any language.
"""

import json
import socket
import sys
import threading

import numpy as np

from trcaugment import Markers, read_trc


def send(connection: socket.socket, trial: Markers) -> None:
    """One line of JSON for each frame, and one that ends the trial."""
    with connection.makefile("w", encoding="utf-8") as lines:
        for time_s, places in zip(trial.time_s, trial.positions, strict=True):
            seen = {
                name: list(place) for name, place in zip(trial.names, places, strict=True) if np.isfinite(place).all()
            }
            lines.write(json.dumps({"time": float(time_s), "keypoints": seen}) + "\n")
        lines.write('{"end": true}\n')
    connection.shutdown(socket.SHUT_WR)


def main() -> None:
    """Send in one thread, print in the other: the answers come while the trial goes on."""
    port, file = int(sys.argv[1]), sys.argv[2]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        sender = threading.Thread(target=send, args=(connection, read_trc(file)))
        sender.start()
        for line in connection.makefile("r", encoding="utf-8"):
            answer = json.loads(line)
            if "error" in answer:
                print(answer["error"], file=sys.stderr)
            else:
                print(f"{answer['time']:.3f} s  right knee at {answer['markers']['r_knee_study']}")
        sender.join()


if __name__ == "__main__":
    main()
