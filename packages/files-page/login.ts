import { type Api, RequestFailure, type Session } from './api.js';
import { byId } from './page-elements.js';

/** The form for the password, and for the code of the second factor after it. */
export class LoginForm {
  readonly #api: Api;
  readonly #entered: (session: Session) => void;

  constructor(api: Api, entered: (session: Session) => void) {
    this.#api = api;
    this.#entered = entered;
    byId('login-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /** Shows the form in place of the page. `reason` is shown above it. */
  show(reason: string, username = ''): void {
    byId('app').hidden = true;
    byId('login').hidden = false;
    byId('login-reason').hidden = reason === '';
    byId('login-reason').textContent = reason;
    if (username !== '') byId<HTMLInputElement>('login-name').value = username;
    this.#clear();
    byId(username === '' ? 'login-name' : 'login-password').focus();
  }

  async #submit(): Promise<void> {
    const submit = byId('login-form').querySelector('button');
    const [name, password, code] = ['login-name', 'login-password', 'login-code'].map((id) =>
      byId<HTMLInputElement>(id),
    );
    if (submit === null || name === undefined || password === undefined || code === undefined) return;
    byId('login-error').textContent = '';
    submit.disabled = true;
    try {
      const session = await this.#api.login(name.value, password.value, code.value);
      if (session === null) {
        byId('login-code-row').hidden = false;
        code.focus();
        return;
      }
      this.#clear();
      byId('login').hidden = true;
      this.#entered(session);
    } catch (error) {
      byId('login-error').textContent = error instanceof RequestFailure ? error.message : String(error);
      code.value = '';
      (byId('login-code-row').hidden ? password : code).focus();
    } finally {
      submit.disabled = false;
    }
  }

  /** The password does not stay in the page. */
  #clear(): void {
    byId<HTMLInputElement>('login-password').value = '';
    byId<HTMLInputElement>('login-code').value = '';
    byId('login-code-row').hidden = true;
    byId('login-error').textContent = '';
  }
}
