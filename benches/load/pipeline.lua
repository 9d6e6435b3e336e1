-- For wrk: batches of pipelined requests, each sent in one go.
--
--   wrk -t1 -c64 -d3s -s pipeline.lua http://127.0.0.1:8080/plaintext -- 16
--
-- No latencies: wrk's correction for delayed requests takes the replies of a batch for requests of their
-- own, and its percentiles then mean nothing (they may even be 0).

local batch

function init(args)
  local depth = tonumber(args[1]) or 16
  local requests = {}
  for i = 1, depth do
    requests[i] = wrk.format("GET")
  end
  batch = table.concat(requests)
end

function request()
  return batch
end

function done(summary, _, _)
  local e = summary.errors
  local wrong = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format(
    "requests=%d seconds=%.3f rps=%.0f wrong=%d\n",
    summary.requests, summary.duration / 1e6, summary.requests / (summary.duration / 1e6), wrong))
end
