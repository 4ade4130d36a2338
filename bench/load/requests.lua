-- Requests for wrk: one game after the other; every answer is checked, and a line of JSON reports.
-- Arguments: method, path with %s for the game, expected status, expected text, body, file of games.

local requests, number, expected, text = {}, 0, 0, ""
checked, wrong, example = 0, 0, ""
local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(arguments)
   local method, path, body = arguments[1], arguments[2], arguments[5]
   expected, text = tonumber(arguments[3]), arguments[4]
   local headers = {}
   if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
   for game in io.lines(arguments[6]) do
      table.insert(requests, wrk.format(method, string.format(path, game), headers, body))
   end
end

function request()
   number = number % #requests + 1
   return requests[number]
end

function response(status, headers, body)
   checked = checked + 1
   if status ~= expected or not string.find(body, text, 1, true) then
      wrong = wrong + 1
      example = status .. " " .. string.sub(body, 1, 200)
   end
end

function done(summary, latency, all)
   local answers, failures, shown = 0, 0, ""
   for _, thread in ipairs(threads) do
      answers, failures = answers + thread:get("checked"), failures + thread:get("wrong")
      shown = shown .. thread:get("example")
   end
   local errors = summary.errors
   print(string.format(
      '{"answers": %d, "seconds": %.6f, "wrong": %d, "lost": %d, "median": %.6f, "p99": %.6f}',
      answers, summary.duration / 1e6, failures,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
   io.stderr:write(shown)
end
