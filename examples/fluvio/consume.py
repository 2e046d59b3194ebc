#!/usr/bin/env python3
"""Prints the events of one shard: consume.py CLUSTER TOPIC PARTITION. Needs `pip install fluvio`; docs/fluvio-format.md has the format."""
import itertools, json, struct, sys
from fluvio import ConsumerConfigExtBuilder, Fluvio, FluvioConfig, Offset

def records(cluster, topic, partition, at=0):  # all there are now; the client leaves some out in silence, so it goes on from there
    client, more = Fluvio.connect_with_config(FluvioConfig.new(cluster)), True
    while more:
        builder, more = ConsumerConfigExtBuilder(topic), False
        builder.partition(partition), builder.offset_start(Offset.absolute(at)), builder.max_bytes(4 << 20), builder.disable_continuous()
        for record in client.consumer_with_config(builder.build()):
            if more and record.offset() != at: break
            at, more = record.offset() + 1, True
            yield bytes(record.value())

def fields(message):  # of protobuf: number and value
    data = iter(message)
    varint = lambda byte: byte if byte < 0x80 else (byte & 0x7F) + (varint(next(data)) << 7)
    for tag in map(varint, data):
        size = {1: 8, 5: 4}.get(tag & 7) or varint(next(data))
        yield tag >> 3, bytes(itertools.islice(data, size)) if tag & 7 else size

parts, known = {}, bytes(20)  # of frames, and the position up to which events were printed
for record in records(sys.argv[1], sys.argv[2], int(sys.argv[3])):
    version, heartbeat, part, count, frame, after, end, _sum = struct.unpack_from(">BBHHQ20s20sI", record)
    if version != 1 or heartbeat & 1 or end <= known: continue  # unknown, or without entries, or nothing new
    parts[frame] = parts.get(frame, b"") * (part > 0) + record[58:]
    if part + 1 < count: continue
    if after > known: print("a hole: the stream is transport, a region's log is the truth", file=sys.stderr)
    for entry in (dict(fields(value)) for number, value in fields(parts.pop(frame)[5:]) if number == 4):
        for event in (dict(fields(value)) for number, value in fields(entry[2][5:]) if number == 1 and entry[1] > known):
            print(json.dumps({key: event[tag].decode() for tag, key in {2: "type", 3: "id", 9: "command", 10: "args"}.items()}))
    known = end
