"""Arm the simulated hand and move it over the wire: ZeroMQ and msgpack, nothing of PoseHand is imported."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import msgpack
import zmq

# A server to talk to; it ends with its standard input. One that runs already has the ports 5570 to 5572.
command = [sys.executable, "-m", "robot.server", "--port", "0", "--parent-pipe"]
root = Path(__file__).resolve().parent.parent
with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
    ports = json.loads(server.stdout.readline())["ports"]

    context = zmq.Context()
    targets, control = context.socket(zmq.PUB), context.socket(zmq.REQ)
    targets.connect(f"tcp://127.0.0.1:{ports['targets']}")
    control.connect(f"tcp://127.0.0.1:{ports['control']}")

    def ask(command):
        control.send(msgpack.packb({"command": command}))
        return msgpack.unpackb(control.recv())

    def state():
        return msgpack.unpackb(ask("status")["state"].partition(b" ")[2])

    start = state()
    ask("arm")
    for seq in range(90):  # three seconds at 30 Hz
        now_ns = time.monotonic_ns()  # from another machine, tell the offset of its clock in meta
        q_rad = list(start["q_rad"])
        q_rad[1] += 0.4 * math.sin(seq / 89 * math.pi / 2)  # joint_1.0 bends the index finger
        target = {"v": 1, "seq": seq, "hand": "right", "valid": True, "source_state": "tracking"}
        target |= {"t_capture_ns": now_ns, "t_publish_ns": now_ns, "t_ns": [now_ns], "q_rad": [q_rad]}
        target |= {"joint_names": start["joint_names"], "wrist": None, "meta": {"publisher": "me"}}
        targets.send(b"target/right " + msgpack.packb(target))
        time.sleep(1 / 30)
    end = state()
    ask("disarm")
    context.destroy(linger=0)

bent_rad = end["q_rad"][1] - start["q_rad"][1]
print(f"{end['mode']}: the index finger bent by {math.degrees(bent_rad):.1f} deg")
if not bent_rad > 0.3:
    sys.exit("it did not bend as it should")
