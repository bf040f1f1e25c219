// A click on a panel opens it as large as the window; the page is complete without this.
const dialog = document.querySelector("dialog");
document.addEventListener("click", (event) => {
  if (dialog.open) return dialog.close();
  const panel = event.target.closest("figure.panel");
  if (!panel) return;
  dialog.replaceChildren(panel.cloneNode(true));
  dialog.showModal();
  zoomable(dialog.querySelector("svg"));
});
