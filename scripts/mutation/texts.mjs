const logMethods = new Set(['debug', 'info', 'warn', 'error']);

/** Returns the name of the property or variable that an expression ends with: `log` for `this.#log` and `call.log`. */
function lastName(node) {
  if (node.type === 'Identifier') return node.name;
  if (node.type !== 'MemberExpression' && node.type !== 'OptionalMemberExpression') return '';
  return node.property.type === 'PrivateName' ? node.property.id.name : lastName(node.property);
}

/** True for `log.warn(...)`: the lines that administrators rely on have tests in test/docs. */
function isLogCall({ node }) {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
  return logMethods.has(lastName(node.callee)) && /^(?:log|logger)$/i.test(lastName(node.callee.object));
}

/** True for everything in `new Fault(kind, text, options)` but the kind. */
function isFaultText({ node, parent }) {
  if (parent?.type !== 'NewExpression' || parent.callee.type !== 'Identifier') return false;
  return parent.callee.name === 'Fault' && parent.arguments.indexOf(node) > 0;
}

/** True for a text of three words or more, which is a sentence for a reader. */
function isSentence({ node }) {
  const text =
    node.type === 'StringLiteral'
      ? node.value
      : node.type === 'TemplateLiteral'
        ? node.quasis.map(({ value }) => value.raw).join('x')
        : '';
  return /[a-z,;:)]\s+[\w"'(]+\s+[\w"'(]/i.test(text);
}

/** Leaves out mutants of texts that only people read. Tests that quote such texts would say nothing about behaviour. */
export const texts = {
  shouldIgnore(path) {
    if (isLogCall(path)) return 'a log line, which decides nothing';
    if (isFaultText(path)) return 'the text of a fault: its kind decides';
    if (isSentence(path)) return 'a sentence for a reader';
    return undefined;
  },
};
