"""Makes tests/oracles/statistics.json: rank statistics by scipy, for src/data/statistics.rs.

python -m pip install scipy && python tests/peers/rank_statistics.py > tests/oracles/statistics.json
"""

import json
import random

import scipy
from scipy import stats


def case(name, x, y):
    tau = stats.kendalltau(x, y)
    signed = stats.wilcoxon(x, y, zero_method="wilcox", correction=False, method="approx")
    wins = sum(a < b for a, b in zip(x, y))
    interval = stats.binomtest(wins, len(x)).proportion_ci(0.95, method="wilson")
    return {
        "name": name,
        "x": x,
        "y": y,
        "kendall": tau.statistic,
        "wilcoxon": {"statistic": float(signed.statistic), "p": float(signed.pvalue)},
        "wins": wins,
        "wilson": [interval.low, interval.high],
    }


rng = random.Random(4)
cases = []
for name, n, digits, shift in [("plain", 60, 6, 0.3), ("ties", 40, 1, 0.1), ("many ties", 200, 1, 0.02), ("small", 8, 3, 0.5), ("apart", 300, 5, 1.0)]:
    x = [round(rng.gauss(0, 1), digits) for _ in range(n)]
    y = [round(0.6 * a + 0.8 * rng.gauss(shift, 1), digits) for a in x]
    cases.append(case(name, x, y))
print(json.dumps({"scipy": scipy.__version__, "cases": cases}))
