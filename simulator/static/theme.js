// Runs before the page is drawn, so that a dark page never flashes white.
(function () {
  const kept = localStorage.getItem("theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
})();
