import base64
import hashlib
import re

import pytest

from dispr.report.page import SCRIPTS, asset, deal, page


def test_policy_allows_this_script_alone():
    text = page("a <b>", {"x": "</script>"}, {'<"&': {"y": "<!--"}})
    script = re.search(r"<script>(.*?)</script>\n</body>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'" in text
    assert "<title>a &lt;b&gt;</title>" in text
    assert text.count("</script>") == 3  # two of data, one of code
    assert 'id="cell:&lt;&quot;&amp;"' in text
    assert "<!--" not in text


def test_no_number_that_json_lacks():
    with pytest.raises(ValueError, match="not JSON"):
        page("a", {"x": float("nan")}, {})


def test_scripts_do_not_end_their_element():
    for name in SCRIPTS:
        assert "</script" not in asset(name)
        assert "%%" not in asset(name)


def test_deal():
    assert deal([3, 3, 3], 6) == [range(2), range(2, 3)]
    assert deal([9, 1, 1, 9], 6) == [range(1), range(1, 3), range(3, 4)]
    assert deal([1], 0) == [range(1)]
    assert deal([], 5) == []


COLOURS = ("ink", "muted", "accent", "warn")


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme):
    """Text stands out as WCAG 2.2 asks for (4.5 to 1)."""
    block = re.findall(r":root \{(.*?)\}", asset("style.css"), re.DOTALL)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    pairs = [(text, ground) for text in COLOURS[:3] for ground in ("paper", "surface")]
    pairs += [("warn", "warn-paper"), ("warn", "surface"), ("on-accent", "accent")]
    for text, ground in pairs:
        light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
