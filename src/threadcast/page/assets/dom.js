/** Making and changing elements. Text is only ever set as text: no function here takes markup. */

/**
 * Make an element.
 *
 * @param props attributes; `onclick` and the like are listeners; false and null are left out
 * @param children nodes, strings, or lists of them; false and null are left out
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** An icon of the page's own set, drawn by its style sheet. */
export function icon(name) {
  return h("span", { class: `icon icon-${name}`, "aria-hidden": "true" });
}

/** Put these children in place, moving and removing as little as possible. */
export function setChildren(parent, children) {
  const wanted = present(children);
  wanted.forEach((child, index) => {
    const there = parent.childNodes[index];
    if (there !== child) parent.insertBefore(child, there ?? null);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

/**
 * Make `parent`'s children look like `wanted`, keeping every node that need not change: text that
 * only grew is appended to, so that nothing flickers and a selection stays.
 */
export function patchChildren(parent, wanted) {
  const nodes = present(wanted);
  nodes.forEach((node, index) => {
    const there = parent.childNodes[index];
    if (there === undefined) parent.append(node);
    else patchNode(parent, there, node);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function patchNode(parent, there, node) {
  if (typeof node === "string") node = document.createTextNode(node);
  if (there.nodeType === Node.TEXT_NODE && node.nodeType === Node.TEXT_NODE) {
    if (node.data === there.data) return;
    if (node.data.startsWith(there.data)) there.appendData(node.data.slice(there.data.length));
    else there.data = node.data;
  } else if (!there.isEqualNode(node)) {
    if (there.nodeName === node.nodeName && hasSameAttributes(there, node)) {
      patchChildren(there, [...node.childNodes]);
    } else {
      parent.replaceChild(node, there);
    }
  }
}

function hasSameAttributes(one, other) {
  return one.attributes.length === other.attributes.length
    && [...one.attributes].every(({ name, value }) => other.getAttribute(name) === value);
}

function present(children) {
  return children.flat(Infinity).filter(
    (child) => child !== null && child !== undefined && child !== false,
  );
}
