"""What a consumer group needs to happen in one step, as scripts of the server."""

# Deleting a consumer drops what is pending to it, so asking and deleting are one step.
FORGET_IDLE = """
local gone = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  if facts.name ~= ARGV[2] and facts.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts.name)
    gone = gone + 1
  end
end
return gone
"""
OTHERS_PENDING = """
for _, stream in ipairs(KEYS) do
  local consumers = redis.call('XPENDING', stream, ARGV[1])[4]
  for _, consumer in ipairs(consumers or {}) do
    if consumer[1] ~= ARGV[2] then return 1 end
  end
end
return 0
"""
# One stretch of the stream, from its old end or from where the last one ended: what was delivered
# and is not pending is done with. Answers how many were dropped, and where to go on if need be.
TRIM_ACKNOWLEDGED = """
local excess = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[2])
if excess <= 0 then return {0} end
local delivered = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local facts = {}
  for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
  if facts.name == ARGV[1] then delivered = facts['last-delivered-id'] end
end
local entries = redis.call('XRANGE', KEYS[1], ARGV[3], delivered, 'COUNT', ARGV[4])
local done = {}
for _, entry in ipairs(entries) do
  local id = entry[1]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 0 then done[#done + 1] = id end
  if #done == excess then break end
end
if #done > 0 then redis.call('XDEL', KEYS[1], unpack(done)) end
if #done == excess or #entries < tonumber(ARGV[4]) then return {#done} end
return {#done, '(' .. entries[#entries][1]}
"""
DEAD_LETTER = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""
