#!/usr/bin/env python3
"""Prints the events of one shard: consume.py CLUSTER TOPIC PARTITION. Needs `pip install fluvio`; docs/fluvio-format.md has the format."""
import json, struct, sys
from fluvio import ConsumerConfigExtBuilder, Fluvio, FluvioConfig, Offset

def records(cluster, topic, partition):  # what the partition has now; without disable_continuous() it would go on
    client, at, begun = Fluvio.connect_with_config(FluvioConfig.new(cluster)), 0, -1
    while at != begun:  # this client leaves records out in silence where an answer is cut off: go on from there until nothing comes
        begun, builder = at, ConsumerConfigExtBuilder(topic)
        builder.partition(partition), builder.offset_start(Offset.absolute(at)), builder.max_bytes(4 << 20), builder.disable_continuous()
        for record in client.consumer_with_config(builder.build()):
            if record.offset() != at > begun:
                break
            at = record.offset() + 1
            yield bytes(record.value())

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
for record in records(sys.argv[1], sys.argv[2], int(sys.argv[3])):
    version, heartbeat, part, count, frame, after, end, _sum = struct.unpack_from(">BBHHQ20s20sI", record)
    assert version == 1, f"version {version}"
    parts[frame] = parts.get(frame, b"") + record[58:] if part else record[58:]
    if part + 1 < count:
        continue
    message = parts.pop(frame)
    if heartbeat & 1 or end <= known:  # nothing is in it, or nothing new
        continue
    if after > known:
        print("a hole: the stream is transport, a region's log is the truth", file=sys.stderr)
    for entry in (dict(fields(value)) for number, value in fields(message[5:]) if number == 4):
        for event in (dict(fields(value)) for number, value in fields(entry[2][5:]) if number == 1 and entry[1] > known):
            print(json.dumps({key: event[tag].decode() for tag, key in {2: "type", 3: "id", 9: "command", 10: "args"}.items()}))
    known = end
