"""Reading entries of any size: the server cuts them, so that only bounded ones leave it.

Anyone who may write to a stream can add an entry with fields of 512 MB, or with thousands of
fields. None of these is a valid job, so what is cut away changes nothing but a dead letter.
"""

from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rtmanager.domain.texts import MAX_TEXT

MAX_FIELDS = 64
_MAX_BYTES = 4 * MAX_TEXT + 4
"""Of a name or a value: one character more than is shown, in the longest encoding."""
_ENTRY_BYTES = 64 * 1024
_BATCH_BYTES = 4 * 1024 * 1024
"""Of uncut entries, after which a read ends: the server does nothing else meanwhile."""

# A later `game_id` is kept too: an entry with two of them has none that can be read.
_CUT = f"""
local function cut(entry)
  local fields, kept, size, games, full = entry[2] or {{}}, {{}}, 0, 0, false
  local raw = 0
  for at = 1, #fields, 2 do
    local name, value = fields[at]:sub(1, {_MAX_BYTES}), fields[at + 1]:sub(1, {_MAX_BYTES})
    raw = raw + #fields[at] + #fields[at + 1]
    full = full or #kept == {2 * MAX_FIELDS} or size + #name + #value > {_ENTRY_BYTES}
    local is_game = name == 'game_id' and games < 2
    if is_game then games = games + 1 end
    if is_game or not full then
      kept[#kept + 1], kept[#kept + 2] = name, value
      size = size + #name + #value
    end
  end
  return {{entry[1], kept, (#fields - #kept) / 2}}, raw
end
"""

# Without waiting: inside a script the server never does. One entry at a time, because nothing else
# shows the size of the next. Returns nothing, and delivers nothing, if another consumer has pending
# entries of one of the streams or if one has lost its group, which XPENDING reports. Else for each
# stream, of which those without an id are not read, the entries, 1 if there may be more, and if
# there was none the id after which new entries are.
READ = f"""{_CUT}
for _, stream in ipairs(KEYS) do
  for _, consumer in ipairs(redis.call('XPENDING', stream, ARGV[1])[4] or {{}}) do
    if consumer[1] ~= ARGV[2] then return false end
  end
end
local function delivered(stream)
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local facts = {{}}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    if facts.name == ARGV[1] then return facts['last-delivered-id'] end
  end
end
local answer = {{}}
for number, stream in ipairs(KEYS) do
  local after, entries, size, more = ARGV[3 + number], {{}}, 0, 0
  while after ~= '' do
    if #entries == tonumber(ARGV[3]) or size > {_BATCH_BYTES} then more = 1 break end
    local found = redis.call(
      'XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', stream, after)
    local entry = found and found[1][2][1]
    if not entry then break end
    local shown, raw = cut(entry)
    entries[#entries + 1], size = shown, size + raw
    if after ~= '>' then after = entry[1] end
  end
  answer[number] = {{entries, more, after ~= '' and #entries == 0 and delivered(stream)}}
end
return answer
"""

FIND = f"""{_CUT}
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
return entry and {{(cut(entry))}} or {{}}
"""

# Only the id leaves the server.
OLDEST = """
local entries = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return #entries > 0 and entries[1][1]
"""

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it is in the stream: names and values in order, including repeated names.

    Long names and values are cut, and of many fields `left_out` are missing. Without fields, the
    entry is pending but was trimmed from the stream.
    """

    id: str
    pairs: Pairs
    left_out: int = 0


def raw_entries(answer: Any) -> list[RawEntry]:
    """Return the entries that a script returned."""
    return [
        RawEntry(entry_id.decode(), _pairs([_whole(each) for each in kept]), left_out)
        for entry_id, kept, left_out in answer
    ]


def _pairs(flat: Sequence[bytes]) -> Pairs:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _whole(raw: bytes) -> bytes:
    """Return the bytes without the part of a character at which they were cut."""
    if len(raw) < _MAX_BYTES:
        return raw
    decoder = getincrementaldecoder("utf-8")("replace")
    decoder.decode(raw)
    rest, _ = decoder.getstate()
    return raw[: len(raw) - len(rest)]
