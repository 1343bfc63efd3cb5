"""Tables of results, as Markdown; and all figures, as JSON."""
import dataclasses
import json


def conversions(title, found, note):
    """A table of one job; ratios are of a peer's figures to ours."""
    ours = found[0].cost
    lines = [f"\n## {title}\n\n{note}\n", "| tool | CPU s | wall s | CPU ÷ ours | wall ÷ ours | peak MiB | result MB | data files |",
             "|---|---|---|---|---|---|---|---|"]
    for one in found:
        cost = one.cost
        ratios = " | " if one is found[0] else f"{cost.cpu / ours.cpu:.2f} | {cost.wall / ours.wall:.2f}"
        index = f", index {one.index / 1e6:.1f}" if one.index else ""
        daily = f", {one.files / one.days:.1f} a day" if one.days > 1 else ""
        lines.append(f"| {one.tool} | {cost.cpu:.2f} | {cost.wall:.2f} | {ratios} | {cost.peak:.0f} | {one.size / 1e6:.1f}{index} "
                     f"| {one.files}{daily} |")
    return "\n".join(lines)


def ratio(cost, ours):
    return f"{cost.cpu / ours.cpu:.1f}, {cost.wall / ours.wall:.1f}"


def questions(title, answered):
    """A table of all questions: milliseconds of sawq, and the peers' as multiples of them."""
    peers = list(dict.fromkeys(name for one in answered for name in one.costs if name != "sawq"))
    lines = [f"\n## {title}\n\nCPU and wall milliseconds of sawq; the peers' CPU ÷ ours and wall ÷ ours.\n",
             f"| question | sawq CPU | wall | peak MiB | MB/s | {' | '.join(peers)} |", "|---" * (5 + len(peers)) + "|"]
    for one in answered:
        ours = one.costs["sawq"]
        speed = f"{ours.printed / ours.wall / 1e6:.0f}" if ours.printed > 10_000_000 else ""
        ratios = [ratio(one.costs[peer], ours) if peer in one.costs else "" for peer in peers]
        lines.append(f"| {one.question} | {ours.cpu * 1000:.0f} | {ours.wall * 1000:.0f} | {ours.peak:.0f} | {speed} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def curve(points):
    """A table of how costs grow."""
    lines = ["\n## Growth\n", "| job | GB | threads | CPU s | wall s | peak MiB |", "|---|---|---|---|---|---|"]
    lines += [f"| {one.job} | {one.size / 1e9:.3g} | {one.threads or ''} | {one.cost.cpu:.3f} | {one.cost.wall:.3f} | {one.cost.peak:.0f} |"
              for one in points]
    return "\n".join(lines)


def plain(found):
    """Results as what JSON can say."""
    return [dataclasses.asdict(one) for one in found]


def write(path, head, tables, figures):
    """One file of tables, and one of figures beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text("\n".join([head, *tables, ""]))
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1, ensure_ascii=False))
