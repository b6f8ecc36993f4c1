"""Moving through a page by Tab alone: where the focus is, that it is marked, that it is in view."""

from __future__ import annotations

from playwright.sync_api import Page

# The name a screen reader would say, near enough: label, own text or the alternative.
FOCUSED = """() => {
    const one = document.activeElement;
    const label = one.labels && one.labels.length ? one.labels[0].textContent : '';
    return one.getAttribute('aria-label') || label || one.textContent || '';
}"""
# The ring may lie on the control, on its label, or on the card whose link it is.
HAS_RING = """() => {
    const one = document.activeElement;
    const styles = [getComputedStyle(one), getComputedStyle(one, '::after')];
    if (one.nextElementSibling) { styles.push(getComputedStyle(one.nextElementSibling)); }
    return styles.some((style) => style.outlineStyle === 'solid' && style.outlineWidth === '3px');
}"""
OUT_OF_VIEW = """() => {
    const box = document.activeElement.getBoundingClientRect();
    const bar = document.querySelector('.bottom-bar');
    const isBar = bar && bar.contains(document.activeElement);
    const covers = bar && !isBar && bar.getClientRects().length > 0;
    const floor = covers ? Math.min(innerHeight, bar.getBoundingClientRect().top) : innerHeight;
    return box.top < floor && box.bottom > 0 ? '' : `${box.top} to ${box.bottom} of ${floor}`;
}"""
# Asked at every stop, so all at once.
STOP = f"() => [({FOCUSED})(), ({HAS_RING})(), ({OUT_OF_VIEW})()]"
MOST_TABS = 60


def tab_to(page: Page, name: str) -> None:
    """Press Tab until this has the focus; whatever has it on the way is marked and in view."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        said, has_ring, hidden = page.evaluate(STOP)
        focused = " ".join(said.split())
        assert has_ring, f"no ring on {focused!r}"
        assert not hidden, f"{focused!r} is at {hidden}"
        if name in focused:
            return
        passed.append(focused)
    raise AssertionError(f"{name!r} is not reached by Tab: {passed}")
