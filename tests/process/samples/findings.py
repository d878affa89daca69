"""Each sample gives the finding in its header comment. Usage: findings.py leak|churn|fragmentation|threads

The bounds are those of sampling at 64 KiB with some room: five standard errors of what the program is known to hold."""
import sys
import tempfile

from common import MIB, SAMPLES, answer, between, named, record, rows


def leak(folder):
    dumps = record(folder, f"{SAMPLES}/leak")
    assert len(dumps) == 2, dumps
    diff = answer("diff", *dumps)
    grown = [row for row in rows(diff, "diff") if row["change"] > 0 and row["state"] in ("GROWN", "NEW")]
    assert grown and grown[0]["owner"].endswith("::rememberSession"), rows(diff, "diff")[:3]
    # 12,000 sessions of 2,000 bytes (class 2048), an object of 32 and a node of 24 each.
    between("growth of rememberSession", grown[0]["change"], 17 * MIB, 32 * MIB)
    error = grown[0]["change_stderr"]
    between("its printed standard error", error, 0.3 * MIB, 3 * MIB)
    assert abs(grown[0]["change"] - 12000 * 2048) < 5 * error, "the growth lies outside five of its own standard errors"
    cache = [row for row in rows(diff, "diff") if row["owner"].endswith("::fillCache")]
    for row in cache:
        assert row["state"] == "SAME", f"the cache did not change: {row}"
    top = answer("top", "-cum", dumps[1])
    between("rememberSession in the second dump", named(top, "rememberSession", "cum"), 18 * MIB, 35 * MIB)
    told = rows(answer("summary", "--base", dumps[0], dumps[1]), "findings")
    assert any(row["id"] == "growth" and "rememberSession" in row["title"] for row in told), told


def churn(folder):
    [dump] = record(folder, f"{SAMPLES}/churn")
    allocated = answer("top", "-cum", "-sample_index=alloc_space", dump)
    # 43,000 pages of 30,000 bytes.
    between("allocated in renderPage", named(allocated, "renderPage", "cum"), 1100 * MIB, 1500 * MIB)
    assert named(allocated, "renderPage", "cum") > 0.9 * allocated["facts"]["total"]
    held = answer("top", "-cum", dump)
    between("held by renderPage", named(held, "renderPage", "cum"), 0, 0.1 * MIB)
    between("held by loadTemplates", named(held, "loadTemplates", "cum"), 2 * MIB, 6 * MIB)


def fragmentation(folder):
    [dump] = record(folder, f"{SAMPLES}/fragmentation")
    summary = answer("summary", dump)
    first = rows(summary, "findings")[0]
    assert first["id"] == "free_slots", first
    # 375,000 entries of 256 bytes were freed between others that stay.
    between("free room inside slabs", first["bytes"], 80 * MIB, 100 * MIB)
    fall = {row["id"]: row["bytes"] for row in rows(summary, "waterfall")}
    between("requested", fall["requested"], 7 * MIB, 11 * MIB)  # 6.1 MiB of entries, 3.1 MiB of pointers
    top = answer("top", "-cum", dump)
    between("held by keepEntry", named(top, "keepEntry", "cum"), 3 * MIB, 9 * MIB)
    culprit = rows(answer("frag", dump), "frag_stacks")[0]
    assert culprit["owner"].endswith("::keepEntry"), culprit
    # Every object of the class is its own, so it pins all that the class holds free: 15 of 16 slots in 3,125 slabs.
    truth = 3125 * 32768 - 25000 * 256
    between("what keepEntry pins", culprit["pins"], truth - 2 * culprit["pins_stderr"], truth + 2 * culprit["pins_stderr"])
    between("the standard error of that", culprit["pins_stderr"], 0, 0.05 * truth)
    # What was promised is what comes back when its objects go, as the kernel counts it.
    with tempfile.TemporaryDirectory(dir=folder) as other:
        [without] = record(other, f"{SAMPLES}/fragmentation", "all-go")
        rest = {row["id"]: row["bytes"] for row in rows(answer("summary", without), "waterfall")}
    came = resident(fall) - resident(rest)
    between("what was promised to come back", culprit["comes_back"], 0.85 * came, 1.15 * came)
    print(f"came back: {came:,.0f}")


def resident(fall):
    """RSS without free pages that wait for the next peak: these are the program's to return, whoever freed them."""
    return sum(value for line, value in fall.items() if line != "dirty")


def threads(folder):
    [dump] = record(folder, f"{SAMPLES}/threads")
    held = answer("top", "-cum", dump)
    between("kept by keepRecord", named(held, "keepRecord", "cum"), 11 * MIB, 22 * MIB)  # 8,000 of about 2 KiB
    assert named(held, "importer", "cum") == named(held, "keepRecord", "cum"), "its caller is importer"
    assert named(held, "keepRecord", "cum") > 0.95 * held["facts"]["total"]
    between("held by makeMessage", named(held, "makeMessage", "cum"), 0, 0.5 * MIB)
    allocated = answer("top", "-cum", "-sample_index=alloc_space", dump)
    between("allocated in makeMessage", named(allocated, "makeMessage", "cum"), 90 * MIB, 140 * MIB)
    first = rows(answer("summary", dump), "findings")[0]
    assert first["id"] == "largest_holder" and "keepRecord" in first["title"], first


with tempfile.TemporaryDirectory(prefix="heapprof-samples.") as scratch:
    {"leak": leak, "churn": churn, "fragmentation": fragmentation, "threads": threads}[sys.argv[1]](scratch)
