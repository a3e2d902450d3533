import { PropertiesDocument } from '../files/properties.js';

/** Returns a settings file without the settings of one machine, as the nodes share it. */
export function sharedPart(text: string, machineSettings: readonly string[]): string {
  const document = PropertiesDocument.parse(text);
  for (const name of machineSettings) {
    document.remove(name);
    document.removeComment(name);
  }
  return document.render();
}

/** Returns the shared part of another node's settings, followed by the settings of this machine. */
export function withMachinePart(shared: string, local: string, machineSettings: readonly string[]): string {
  const own = PropertiesDocument.parse(local);
  const document = PropertiesDocument.parse(sharedPart(shared, machineSettings));
  for (const name of machineSettings) {
    const value = own.get(name);
    if (value !== null) document.set(name, value);
  }
  return document.render();
}
