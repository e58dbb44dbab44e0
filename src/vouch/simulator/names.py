"""Plausible Chinese names that belong to nobody in particular."""

import numpy as np
from numpy.typing import NDArray

from vouch.simulator.months import Ints

Texts = NDArray[np.object_]

_SURNAMES = np.array(list("王李张刘陈杨赵黄周吴徐孙胡朱高林郭马罗梁宋郑谢韩冯任"), dtype=object)
_GIVEN = np.array(list("伟芳娜敏静强磊军洋勇艳杰娟涛明超霞平刚桂英华建国文丽红志辉"), dtype=object)
_FIRM_FIRST = np.array(list("晋盛恒鑫泰华瑞宏福永昌兴隆安顺达汇聚德信"), dtype=object)
_FIRM_SECOND = np.array(list("源通泽远诚丰茂和康利正阳辰博海川峰凯宇翔"), dtype=object)
_TRADES = {
    "A": "农业", "B": "矿业", "C": "机械", "E": "建筑", "F": "商贸", "G": "物流", "H": "餐饮",
    "I": "信息", "L": "商务", "M": "科技", "O": "服务", "P": "教育",
}  # fmt: skip
_FORMS = {
    "enterprise": "有限公司",
    "sole_trader": "经营部",
    "cooperative": "专业合作社",
}


def people(rng: np.random.Generator, size: int) -> Texts:
    """Names of persons."""
    names: Texts = (
        _SURNAMES[rng.integers(len(_SURNAMES), size=size)]
        + _GIVEN[rng.integers(len(_GIVEN), size=size)]
        + _GIVEN[rng.integers(len(_GIVEN), size=size)]
    )
    return names


def businesses(rng: np.random.Generator, cities: Texts, industries: Texts, kinds: Texts) -> Texts:
    """Names of borrowers: firms by city, trade and form; persons by their own name."""
    size = len(cities)
    trades = np.array([_TRADES[code[0]] for code in industries], dtype=object)
    forms = np.array([_FORMS.get(kind, "") for kind in kinds], dtype=object)
    first: Ints = rng.integers(len(_FIRM_FIRST), size=size)
    second: Ints = rng.integers(len(_FIRM_SECOND), size=size)
    firms = cities + "市" + _FIRM_FIRST[first] + _FIRM_SECOND[second] + trades + forms
    return np.where(forms == "", people(rng, size), firms)
