// Changes a part of the page into what the server has rendered, and touches only what differs: the
// focus, the selection and what is scrolled or folded stay as they are.

const OWN_STATE = new Set(["open", "hidden"]);

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.hasAttribute("data-keep") || old.isEqualNode(fresh)) return;
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

function morphAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes]) {
    if (!isOwn(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!isOwn(old, name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

// Whether a visitor has opened something, or a filter hides it, is decided on the page.
function isOwn(element, name) {
  return OWN_STATE.has(name) && (element.nodeName === "DETAILS" || element.nodeName === "TR");
}

function morphChildren(old, fresh) {
  const named = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  const kept = new Set([...fresh.children].map((each) => each.id).filter(Boolean));
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = wanted.id && named.get(wanted.id);
    if (same) {
      if (same !== place) old.insertBefore(same, place);
      place = same.nextSibling;
      morph(same, wanted);
    } else if (place && !isKept(place, kept) && !wanted.id) {
      const next = place.nextSibling;
      morph(place, wanted);
      place = next;
    } else {
      old.insertBefore(wanted, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function isKept(node, kept) {
  return Boolean(node.id) && kept.has(node.id);
}
