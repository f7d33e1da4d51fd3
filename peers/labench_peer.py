# SPDX-License-Identifier: Apache-2.0
"""What a peer of labench written in Python needs, from the standard library alone.

A peer is an implementation of one of labench's variants that lives outside labench: this module
speaks the worker protocol for it, so that a peer is its mathematics and little else.

    import labench_peer as peer

    @peer.probe
    def version():                      # what `labench peers` prints; raise if it cannot run here
        return "mine 1.0"

    @peer.impl("mine_loop", "linear")   # the name in peer.json, and the variant if several share it
    def make(job, tensors):
        q, o = tensors["q"].numpy(), tensors["o"].numpy()   # views of the shared file, no copies
        def call():                     # one whole call: what is timed
            o[...] = compute(q, scale=job.scale, causal=job.causal)
        return call                     # or (call, publish), or peer.Work(...)

    peer.main()

`publish` copies results into the output tensors when the timing is over; without it the call itself
must leave them there. labench compares what then lies in the outputs with its float64 reference, so a
peer cannot be timed on something it did not compute.

What a peer is given
    fd 3   records out: a 16-byte header (magic, type, length, CRC-32) and one JSON object each
    fd 4   the job, one JSON object, read to end of file
    fd 5   the file with all tensors, mapped shared
Timing follows the rule of labench's own workers, step by step (harness/measure/measure.c): the first
call's time and memory are taken, then warm-up, then samples of as many iterations as the clock needs,
until the interval of their median is as narrow as the job asks for.

Python 3.9 or later, Linux.
"""
import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import math
import mmap
import os
import resource
import signal
import struct
import sys
import time
import traceback
import zlib

PROTOCOL = 2
RECORDS_FD, JOB_FD, TENSORS_FD = 3, 4, 5
RECORD_MAGIC = 0x5242414C  # the bytes "LABR"
START, PHASE, SAMPLES, END = 1, 2, 3, 4
SAMPLES_A_RECORD = 512
# Beside this file lie folders named after packages (torch, fla, ...): with this folder on the path,
# `import torch` would find that folder where the package is missing, and not fail.
_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:] = [p for p in sys.path if os.path.realpath(p or ".") != _HERE]

# Address space beyond the job's limit: what libraries reserve and never touch.
ADDRESS_SLACK = 1 << 30


class Unsupported(Exception):
    """Raised by a peer for a cell that it cannot compute; its text is the reason a user reads."""


# Tensors -----------------------------------------------------------------------------------------

# The letter of struct and memoryview for each dtype of labench. The 16-bit floats come as their
# bits: Python's own memoryview has no bfloat16, and few of its versions index float16.
FORMATS = {"f32": "f", "f64": "d", "bf16": "H", "f16": "H"}


class Tensor:
    """One tensor of the shared file: row major, the last axis fastest.

    shape  tuple of int        dtype  "f32", "bf16", ...
    role   "in" or "out"       view   flat memoryview over the elements, both ways
    """

    def __init__(self, file, name, layout):
        self.name = name
        self.dtype = layout["dtype"]
        self.shape = tuple(int(n) for n in layout["shape"])
        self.role = layout.get("role", "in")
        self.bytes = int(layout["bytes"])
        self.offset = int(layout["offset"])
        self._file = file
        if self.dtype not in FORMATS:
            raise ValueError(f"tensor {name} has the unknown dtype {self.dtype}")
        end = self.offset + self.bytes
        if math.prod(self.shape) * struct.calcsize(FORMATS[self.dtype]) != self.bytes or \
                self.offset < 0 or end > len(file):
            raise ValueError(f"tensor {name} of shape {self.shape} does not fit bytes "
                             f"{self.offset} to {end} of a file of {len(file)}")
        self.view = memoryview(file)[self.offset:end].cast(FORMATS[self.dtype])

    def numpy(self):
        """The same memory as a numpy array (16-bit floats: float16, or uint16 for bfloat16)."""
        numpy = importlib.import_module("numpy")
        kind = {"f32": "float32", "f64": "float64", "bf16": "uint16", "f16": "float16"}[self.dtype]
        return numpy.frombuffer(self.view, dtype=kind).reshape(self.shape)

    def torch(self):
        """The same memory as a torch tensor on the CPU."""
        torch = importlib.import_module("torch")
        kind = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16,
                "f16": torch.float16}[self.dtype]
        return torch.frombuffer(self._file, dtype=kind, count=math.prod(self.shape),
                                offset=self.offset).view(self.shape)


# The job -----------------------------------------------------------------------------------------

class Job:
    """What is asked for. The whole JSON object is in `json`; the usual members have short names.

    variant, impl, mask, dtype and pass_ ("fwd", "bwd", "fwdbwd", "decode") are words; B, T, H, Hkv,
    Hqk, dk, dv, threads, seed and Tcap are whole numbers (of a decode cell T is 1, and Tcap - 1
    tokens came before); options is a dict of the variant's options with their values.
    """

    def __init__(self, text):
        self.json = json.loads(text)
        cell = self.json["cell"]
        self.variant, self.impl = cell["variant"], cell["impl"]
        self.pass_, self.mask, self.dtype = cell["pass"], cell["mask"], cell["dtype"]
        self.device = cell.get("backend", "cpu")
        self.device_index = int(cell.get("device") or 0)
        self.cold = cell.get("cache") == "cold"
        self.options = cell.get("options") or {}
        self.B, self.T, self.Tcap = cell["batch"], cell["tokens"], cell["tcap"]
        self.H, self.Hkv, self.Hqk = cell["heads"], cell["kv_heads"], cell["qk_heads"]
        self.dk, self.dv = cell["dk"], cell["dv"]
        self.threads = int(self.json.get("threads", cell["threads"]))
        self.scale = self.json.get("scale") or cell["scale"] or 1 / math.sqrt(self.dk)
        self.seed = int(self.json["seed"])
        self.rule = dict(self.json["rule"])
        self.memory_limit = int(self.json.get("memory_limit") or 0)

    @property
    def causal(self):
        return self.mask == "causal"

    @property
    def backward(self):
        """True where gradients are asked for."""
        return self.pass_ in ("bwd", "fwdbwd")


class Work:
    """What is timed and what is done around it.

    call     one whole call; its time is what is reported
    publish  copies results into the output tensors, once, after the timing
    sync     waits until everything a call has started is done; called inside the time of a sample
    flush    empties the device's caches, untimed, before each sample of a cell with a cold cache;
             None: the caches of the CPU are emptied
    peak     after the first call: bytes it took at most beside its inputs and outputs, or None
    timer    on a device with a clock of its own: called once behind the first call, it returns a
             function that makes one whole call, the caches emptied before it where the cell is cold,
             and returns its nanoseconds by that clock. `flush` is then not used; None: our clock
    """

    def __init__(self, call, publish=None, sync=None, flush=None, peak=None, timer=None):
        self.call, self.publish, self.sync, self.flush, self.peak = call, publish, sync, flush, peak
        self.timer = timer


# What a peer registers ---------------------------------------------------------------------------

_impls = {}
_probe = None


def impl(name, *variants):
    """Decorates the function that makes impl `name`'s work: make(job, tensors)."""
    def register(make):
        for variant in variants or (None,):
            _impls[name, variant] = make
        return make
    return register


def probe(function):
    """Decorates the function that says what runs here. It returns the version as text, or a pair of
    it and {impl: why it cannot run here}; it raises where nothing can run."""
    global _probe
    _probe = function
    return function


def require(name):
    """The module `name`; where there is none, the peer ends with that as its reason."""
    try:
        return importlib.import_module(name)
    except Exception as why:  # a half-installed package raises nearly anything
        if "--probe" in sys.argv[1:]:
            print(json.dumps({"usable": False, "reason": _first_line(why)}))
            sys.exit(0)
        _fail_before_start(Unsupported(_first_line(why)))


# Records -----------------------------------------------------------------------------------------

def pack_record(kind, body):
    """A record's bytes. The checksum covers the header before it and the text."""
    text = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    head = struct.pack("<III", RECORD_MAGIC, kind, len(text))
    return head + struct.pack("<I", zlib.crc32(head + text)) + text


def _send(kind, body):
    rest = memoryview(pack_record(kind, body))
    while rest:
        rest = rest[os.write(RECORDS_FD, rest):]


def phase(name):
    """Says what goes on from now on: a crash is reported with it."""
    _send(PHASE, {"phase": name[:60]})


# Memory ------------------------------------------------------------------------------------------

def _status_bytes(name):
    """A number of KiB in /proc/self/status as bytes; -1 when it is not there."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return -1


def _reset_rss_peak():
    with contextlib.suppress(OSError):
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")


def _limit_memory(job):
    """So that an allocation beyond the limit fails and can be told of; CUDA reserves far more
    address space than it uses and is left alone."""
    if job.memory_limit <= 0 or job.device != "cpu":
        return
    most = _status_bytes("VmSize") + job.memory_limit + ADDRESS_SLACK
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _last_cache_bytes():
    with contextlib.suppress(OSError, ValueError):
        with open("/sys/devices/system/cpu/cpu0/cache/index3/size") as f:
            return int(f.read().strip().rstrip("K")) * 1024
    return 16 << 20


def _cpu_flush():
    """A function that dirties one byte of every cache line of a buffer twice the last cache."""
    buffer = bytearray(2 * _last_cache_bytes())
    ones = bytes(1) * len(range(0, len(buffer), 64))

    def flush():
        buffer[::64] = ones
    return flush


# Timing: harness/measure/measure.c and stats.c, line for line. Only the warm-up is longer, and of a long
# call's three samples the first call is none: a framework may do things in it that no later one does.


MIN_SAMPLE_NS = 1e6  # and 1000 times the cost of a clock reading: under 0.1 % of it
WARMUP_NS = 20e6     # warm-up goes on this long, or for 3 calls, whichever is more
WARMUP_CALLS = 3
FEW_TIMES = 2        # a call longer than this many times min_time_s gets three samples
AROUND = 4           # what goes on around a sample counts as time spent in so many parts one
FEW_LIMIT = 12       # which take this many times max_time_s at most
INTERVAL_SAMPLES = 6 # of all others: the fewest whose median has an interval
DEVICE_WARMUP_NS = 300e6  # likewise of a device's time (worker_device.c), but
DEVICE_WARMUP_MOST = 2e9  # never longer than this by our clock
SETTLED = 0.05       # relative change of the half-width that counts as none
DEFAULT_MAX = 100000
MIN_INTERVAL = 6     # below it even x(1)..x(n) covers the median with less than 95 %
_now = time.monotonic_ns


def _binomial_below(n, k):
    """P(Bin(n, 1/2) <= k - 1), in logarithms so that n may be large."""
    return sum(math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
                        - n * math.log(2)) for i in range(k))


def median_ranks(n):
    """Ranks (from 1) whose order statistics enclose the median with at least 95 %; (0, 0) below 6
    samples. Distribution-free: the interval is x(lo)..x(hi) whatever the law of the samples."""
    if n < MIN_INTERVAL:
        return 0, 0
    guess = n / 2 - 1.959963984540054 * math.sqrt(n) / 2 - 2
    low = int(guess) if guess > 1 else 1
    tail = _binomial_below(n, low)
    while low > 1 and tail > 0.025:
        low -= 1
        tail = _binomial_below(n, low)
    while _binomial_below(n, low + 1) <= 0.025 and 2 * (low + 1) <= n:
        low += 1
    return low, n + 1 - low


def half_width(samples):
    """Half-width of the median's interval over the median; NaN below 6 samples."""
    times = sorted(total / iters for iters, total in samples)
    low, high = median_ranks(len(times))
    if not low:
        return math.nan
    middle = len(times) // 2
    median = times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2
    return (times[high - 1] - times[low - 1]) / (2 * median) if median > 0 else 0.0


def _clock_cost():
    """Nanoseconds that a reading of the clock takes."""
    readings = 2000
    first = last = _now()
    for _ in range(readings):
        last = _now()
    return (last - first) / readings


class Timing:
    """Samples [[iterations, total_ns], ...] of a call, and how they came about."""

    def __init__(self, call, rule, first_ns=0, before=None, sync=None, timed=None):
        self.samples = []
        self._timed = timed
        if timed:
            first_ns = 0  # it carried everything to the device and compiled: never a sample
        self.warmup_iters = self.warmup_ns = 0
        self.stop_reason = "max_time"
        self._call, self._before, self._sync = call, before, sync
        self._measure(rule, first_ns)

    def _one_sample(self, iters):
        if self._timed:
            return int(self._timed() + 0.5)
        call, sync = self._call, self._sync
        if self._before:
            self._before()
        start = _now()
        for _ in itertools.repeat(None, iters):
            call()
        if sync:
            sync()
        return _now() - start

    def _warm_up(self, rule, first_ns):
        """Returns the shortest call's time."""
        shortest = first_ns if first_ns > 0 else math.inf
        # A call as long as the whole time asked for has warmed everything by being the first.
        if rule["min_time_s"] * 1e9 <= shortest < math.inf:
            return shortest
        budget = min(WARMUP_NS, rule["min_time_s"] * 1e9 / 4)
        if self._timed:
            return self._warm_device()
        while self.warmup_iters < WARMUP_CALLS or self.warmup_ns < budget:
            ns = self._one_sample(1)
            self.warmup_iters += 1
            self.warmup_ns += ns
            shortest = min(shortest, ns)
            if self.warmup_ns > rule["max_time_s"] * 1e9:
                break
        return shortest

    def _warm_device(self):
        shortest, start = math.inf, _now()
        while self.warmup_iters < WARMUP_CALLS or (self.warmup_ns < DEVICE_WARMUP_NS and
                                                   _now() - start < DEVICE_WARMUP_MOST):
            ns = self._one_sample(1)
            self.warmup_iters += 1
            self.warmup_ns += ns
            shortest = min(shortest, ns)
        return shortest

    def _iterations(self, call_ns):
        """So that a sample lasts long enough for the clock. What goes on before a sample holds for
        one call only, so such calls are timed one by one."""
        want = max(1000 * _clock_cost(), MIN_SAMPLE_NS)
        if self._before or self._timed or call_ns >= want:
            return 1
        return int(min(math.ceil(want / max(call_ns, 1.0)), 1e7))

    def _verdict(self, rule):
        """What a look says: why to stop, or None. Settled: twice as many samples changed little, two
        times."""
        n = len(self.samples)
        now, last, before = (half_width(self.samples[:n // by]) for by in (1, 2, 4))
        if now <= rule["target"]:
            return "target"
        settled = abs(now - last) < SETTLED * now and abs(last - before) < SETTLED * now
        return "settled" if settled else None

    def _measure(self, rule, first_ns):
        """As la_measure of labench does; NaN fails every comparison there as here."""
        if rule["slow_s"] > 0 and first_ns > rule["slow_s"] * 1e9:
            self.stop_reason = "slow"
            self.samples.append([1, first_ns])
            return
        call_ns = self._warm_up(rule, first_ns)
        iters, spent = self._iterations(call_ns), 0
        # A call far longer than the whole time asked for: three samples, no stop rule to look at.
        few = call_ns > FEW_TIMES * rule["min_time_s"] * 1e9
        most = rule["max_samples"] if rule["max_samples"] > 0 else DEFAULT_MAX
        limit = rule["max_time_s"] * 1e9 * (FEW_LIMIT if few else 1)
        # The rule is looked at when the samples and the time asked for are both there, and then only when
        # n has doubled: looking after each sample and stopping when it looks good makes intervals too
        # narrow.
        look = rule["min_samples"]
        while True:
            start = _now()
            ns = self._one_sample(iters)
            spent += max(ns, (_now() - start) // AROUND)
            self.samples.append([iters, ns])
            n = len(self.samples)
            if few and n >= 3:
                self.stop_reason = "slow"
                return
            if n >= most:
                self.stop_reason = "samples"
                return
            if n >= look and spent >= rule["min_time_s"] * 1e9:
                stop = self._verdict(rule)
                if stop:
                    self.stop_reason = stop
                    return
                look = 2 * n
            # Of slow calls what fits, by the shortest; of others enough for an interval. Unless even
            # these take far too long.
            call_ns = min(call_ns, ns / iters)
            full = n * call_ns >= limit if few else spent >= limit and n >= INTERVAL_SAMPLES
            if full or spent >= 4 * limit:
                self.stop_reason = "slow" if few else "max_time"
                return


# One attempt -------------------------------------------------------------------------------------

def _read_all(fd):
    with os.fdopen(fd, "rb") as f:
        return f.read()


def _map_tensors(job):
    """The shared file with every page present, so that what a call then adds to resident memory is
    its own."""
    size = os.fstat(TENSORS_FD).st_size
    if size == 0:
        raise ValueError("the file of tensors is empty")
    flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0x8000)
    file = mmap.mmap(TENSORS_FD, size, flags, mmap.PROT_READ | mmap.PROT_WRITE)
    return {name: Tensor(file, name, layout) for name, layout in job.json["tensors"].items()}


def _make(job, tensors):
    make = _impls.get((job.impl, job.variant)) or _impls.get((job.impl, None))
    if not make:
        raise Unsupported(f"this peer has no impl {job.impl} of {job.variant}")
    work = make(job, tensors)
    if isinstance(work, Work):
        return work
    return Work(*work) if isinstance(work, tuple) else Work(work)


def _first_call(work, end):
    """Memory is taken from the very first call: later ones find its pages there already."""
    end["rss_base_bytes"] = _status_bytes("VmRSS")
    _reset_rss_peak()
    start = _now()
    work.call()
    if work.sync:
        work.sync()
    end["call_ns"] = _now() - start
    end["rss_peak_bytes"] = _status_bytes("VmHWM")
    if work.peak:
        end["workspace_peak_bytes"] = work.peak()


def _attempt(job, end):
    phase("tensors")
    tensors = _map_tensors(job)
    _limit_memory(job)
    phase("create")
    work = _make(job, tensors)
    gc.collect()
    phase("first call")
    _first_call(work, end)
    phase("measure")
    timed = work.timer() if work.timer else None
    before = (work.flush or _cpu_flush()) if job.cold and not timed else None
    gc.disable()  # as timeit does: a collection would be somebody else's time
    timing = Timing(work.call, job.rule, end["call_ns"], before, work.sync, timed)
    gc.enable()
    if work.publish:
        phase("publish")
        work.publish()
        if work.sync:
            work.sync()
    end.update(warmup_iters=timing.warmup_iters, warmup_ns=timing.warmup_ns,
               stop_reason=timing.stop_reason, software=_ask_probe()[0])
    for at in range(0, len(timing.samples), SAMPLES_A_RECORD):
        _send(SAMPLES, {"samples": timing.samples[at:at + SAMPLES_A_RECORD]})


def _first_line(why):
    text = str(why).strip().splitlines()
    name = type(why).__name__
    if isinstance(why, (ImportError, Unsupported)) and text:
        return text[0]
    return f"{name}: {text[0]}" if text else name


def outcome_of(why):
    """The outcome's word and the message for an exception."""
    if isinstance(why, Unsupported):
        return "unsupported", str(why)
    text = _first_line(why)
    if type(why).__name__ == "OutOfMemoryError" or "CUDA out of memory" in str(why):
        return "oom_device", text
    # torch's allocator on the CPU raises a RuntimeError with one of these texts.
    if isinstance(why, MemoryError) or "DefaultCPUAllocator" in str(why) or \
            "not enough memory" in str(why):
        return "oom_host", text
    return "error", text


def _end_of(why, end):
    outcome, message = outcome_of(why)
    if outcome == "error":
        traceback.print_exception(type(why), why, why.__traceback__)
        sys.stderr.flush()
    end.update(outcome=outcome, message=message[:1000])
    return end


def _fail_before_start(why):
    """An attempt that ends before its peer could begin."""
    _check_descriptors()
    _send(START, {"protocol": PROTOCOL, "pid": os.getpid()})
    _send(END, _end_of(why, {}))
    sys.exit(0)


def _die_with_parent():
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _check_descriptors():
    try:
        for fd in (RECORDS_FD, JOB_FD, TENSORS_FD):
            os.set_inheritable(fd, False)  # a compiler that a library starts must not hold them
    except OSError:
        sys.exit("This program is a peer of labench, which starts it: "
                 "`labench peers` lists peers, `labench --peers NAME` measures with them, "
                 "and --probe says whether this one can run here.")


def run_attempt():
    """Reads the job, does it, and tells of it; returns the exit status."""
    _check_descriptors()
    _die_with_parent()
    end = {"outcome": "ok"}
    try:
        text = _read_all(JOB_FD)
        _send(START, {"protocol": PROTOCOL, "pid": os.getpid()})
        try:
            _attempt(Job(text), end)
        except Exception as why:
            _end_of(why, end)
        _send(END, end)
    except BrokenPipeError:
        return 1  # nobody listens any more
    return 0


@contextlib.contextmanager
def _stdout_to_stderr():
    """Libraries greet on stdout when imported; the answer of a probe must stand there alone."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _ask_probe():
    """(version, {impl: why not})."""
    said = _probe() if _probe else f"python {sys.version.split()[0]}"
    return (said, {}) if isinstance(said, str) else (said[0], dict(said[1]))


def run_probe():
    """Prints whether this peer can run here, as one JSON object."""
    try:
        with _stdout_to_stderr():
            version, unusable = _ask_probe()
        answer = {"usable": True, "version": version, "unusable": unusable,
                  "threads": len(os.sched_getaffinity(0))}
    except Exception as why:
        answer = {"usable": False, "reason": _first_line(why)}
    print(json.dumps(answer))
    return 0


def main():
    """The whole life of a peer's process: `--probe`, or one attempt."""
    sys.exit(run_probe() if "--probe" in sys.argv[1:] else run_attempt())
