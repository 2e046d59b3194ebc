#!/usr/bin/env python3
"""Prints the events of one shard: consume.py CLUSTER TOPIC PARTITION. Needs the `fluvio` CLI only; the format is in docs/fluvio-format.md."""
import json, re, struct, subprocess, sys

def records(cluster, topic, partition):
    command = ["fluvio", "--cluster", cluster, "consume", topic, "-p", partition, "-B", "-d", "--output", "binary", "-b", "67108864"]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for record in re.split(r"^-+\n", dump, flags=re.M):
        yield bytes.fromhex("".join(line[8:58] for line in record.splitlines()))  # 16 bytes a line, in hexadecimal

def varint(data, at):
    value = shift = 0
    while True:
        value, shift, at = value | (data[at] & 0x7F) << shift, shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at

def fields(data):  # of a protobuf message: number and value
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if tag & 7 == 2 else ({1: 8, 5: 4}[tag & 7], at)
            value, at = data[at:at + size], at + size
        yield tag >> 3, value

parts, known = {}, bytes(20)  # frames in parts, and the position up to which events were printed
for record in filter(None, records(*sys.argv[1:4])):
    version, heartbeat, part, count, frame, after, end, _sum = struct.unpack_from(">BBHHQ20s20sI", record)
    assert version == 1, f"version {version}"
    parts[frame] = parts.get(frame, b"") + record[58:] if part else record[58:]
    if heartbeat or part + 1 < count or end <= known:
        continue
    if after > known:
        print("a hole: the stream is transport, a region's log is the truth", file=sys.stderr)
    for entry in (dict(fields(value)) for number, value in fields(parts.pop(frame)[5:]) if number == 4):
        for event in (dict(fields(value)) for number, value in fields(entry[2][5:]) if number == 1 and entry[1] > known):
            print(json.dumps({key: event[tag].decode() for tag, key in {2: "type", 3: "id", 9: "command", 10: "args"}.items()}))
    known = end
