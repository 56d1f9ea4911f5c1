// What is costly to show is made when it comes into sight.

/**
 * @param {HTMLElement} section
 * @param {() => void} refresh Called when the section is in sight and what it shows is old.
 */
export function whenSeen(section, refresh) {
  let isSeen = false;
  let isStale = false;
  const act = () => {
    if (!isSeen || !isStale) return;
    isStale = false;
    refresh();
  };
  new IntersectionObserver((entries) => {
    isSeen = entries.at(-1).isIntersecting;
    act();
  }, { rootMargin: "100px" }).observe(section);
  return {
    /** What it shows is old. */
    stale() {
      isStale = true;
      act();
    },
  };
}
