/** A rule that spans several settings. */
export interface SettingsRule<T> {
  /** The setting to blame. */
  setting: keyof T;
  message: string;
  /** A valid value to suggest instead of the setting's usual example. */
  example?: string;
  isKept: (settings: T) => boolean;
}
