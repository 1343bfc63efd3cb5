"""How costs grow with the size of the logs, and what a second thread gives; as a table and a figure."""
import dataclasses

import inputs
from conversions import emptied
from measure import Cost, in_turns

LOGS = ("s3", "cloudtrail", "flows")
ASKED = {"s3logparse toptalkers": ["s3logparse", "toptalkers"], "top user_agent": ["top", "user_agent"], "find --ip": ["find", "--ip", "192.0.2.1"]}


@dataclasses.dataclass
class Point:
    """A job's cost at one size."""

    job: str
    size: int
    threads: int | None
    cost: Cost


def measure(scales, setting):
    """Conversions with one thread and with two, then a few questions of the store, at each scale."""
    points = []
    for scale in scales:
        store = setting.work / "results" / "growth"
        for log in LOGS:
            folder = inputs.made(log, setting, scale)
            size = inputs.INPUTS[log][2] * scale
            commands = {threads: setting.convert(store, folder, threads=threads) for threads in (1, 2)}
            costs = in_turns(commands, setting.rounds, lambda _, store=store: emptied(store))
            points += [Point(f"convert {log}", size, threads, cost) for threads, cost in costs.items()]
            if log == "s3":
                asked = {name: setting.ask(store, arguments) for name, arguments in ASKED.items()}
                points += [Point(name, size, None, cost) for name, cost in in_turns(asked, setting.rounds * 3).items()]
    return points


def draw(points, path):
    """Wall time by size, both axes logarithmic: conversions on the left, questions on the right."""
    import matplotlib as mpl
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sawlog"
    import matplotlib.pyplot as plt
    figure, sides = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for side, title in zip(sides, ("conversion", "questions of S3 access logs"), strict=True):
        side.set(title=title, xlabel="GB of logs", ylabel="seconds", xscale="log", yscale="log")
        side.grid(visible=True, alpha=0.3)
    for job, threads in dict.fromkeys((one.job, one.threads) for one in points):
        line = [one for one in points if (one.job, one.threads) == (job, threads)]
        side = sides[0] if threads else sides[1]
        label = f"{job}, {threads} thread{'s' if threads > 1 else ''}" if threads else job
        side.plot([one.size / 1e9 for one in line], [one.cost.wall for one in line], marker="o", linestyle="--" if threads == 1 else "-", label=label)
    for side in sides:
        side.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
