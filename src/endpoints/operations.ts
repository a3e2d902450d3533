import Type from 'typebox';
import type { Operation } from '../api/description/operation.js';
import * as audit from './audit.js';
import * as bans from './bans.js';
import { type ApiContext, operation } from './context.js';
import * as gateway from './gateway.js';
import * as doctor from './jobs/doctor.js';
import * as jobs from './jobs/jobs.js';
import * as proofs from './jobs/proofs.js';
import * as trees from './jobs/trees.js';
import * as keys from './keys.js';
import * as ledger from './ledger.js';
import * as mirrors from './mirrors.js';
import * as objectChanges from './object-changes.js';
import * as objects from './objects.js';
import { documentOf } from './openapi.js';
import * as overview from './overview.js';
import * as admins from './people/admins.js';
import * as approvals from './people/approvals.js';
import * as consoleSessions from './people/console-sessions.js';
import * as factors from './people/factors.js';
import * as login from './people/login.js';
import * as me from './people/me.js';
import * as recovery from './recovery.js';
import * as rotations from './rotations.js';
import { search } from './search.js';
import * as security from './security.js';
import * as sessions from './sessions.js';
import * as settings from './settings.js';
import * as storage from './storage.js';
import * as tokens from './tokens.js';
import * as access from './users/access.js';
import * as loginCheck from './users/login-check.js';
import * as sheet from './users/sheet.js';
import * as users from './users/users.js';
import * as webhooks from './webhooks.js';

const getOpenApi = operation({
  id: 'getOpenApi',
  group: 'gateway',
  summary: 'Get the OpenAPI document of this gateway.',
  method: 'GET',
  path: '/api/openapi.json',
  needs: 'viewer',
  answer: Type.Object({ openapi: Type.String(), paths: Type.Record(Type.String(), Type.Unknown()) }),
  example: { answer: { openapi: '3.1.0', paths: {} } },
  handle: async ({ version }) => documentOf(operations, version),
});

/** All operations of the API, in the order of its documentation. */
export const operations: readonly Operation<ApiContext>[] = [
  users.listUsers,
  users.createUser,
  users.getUser,
  users.changeUser,
  users.removeUser,
  users.cloneUser,
  access.disableUser,
  access.enableUser,
  loginCheck.explainLogin,
  sheet.getSheet,
  sheet.getUserEncryption,
  keys.listKeys,
  keys.generateKey,
  keys.importKey,
  keys.getKey,
  keys.useKeyFor,
  keys.retireKeyById,
  keys.listKeyNeeds,
  proofs.proveKeyJob,
  proofs.destroyKeyJob,
  objects.listObjects,
  objects.getObject,
  objects.downloadObject,
  objectChanges.uploadObject,
  objectChanges.preflightObject,
  objectChanges.copyObject,
  objectChanges.removeObject,
  trees.copyObjects,
  trees.removeObjects,
  rotations.listRotations,
  rotations.beginUserRotation,
  rotations.getRotation,
  rotations.changeRotation,
  rotations.pauseRotationById,
  rotations.resumeRotationById,
  ledger.getLedger,
  ledger.findInLedger,
  proofs.verifyLedgerJob,
  proofs.rebuildLedgerJob,
  recovery.getRecovery,
  recovery.copyToBucket,
  recovery.beginDrill,
  recovery.answerDrill,
  recovery.registerShares,
  recovery.confirmShare,
  jobs.listJobs,
  jobs.getJob,
  jobs.pauseJob,
  jobs.resumeJob,
  jobs.cancelJob,
  doctor.getDoctor,
  doctor.runDoctorJob,
  storage.getStoragePlan,
  storage.listBuckets,
  settings.getSettings,
  settings.changeSettings,
  audit.listAudit,
  audit.exportAudit,
  proofs.verifyAuditJob,
  sessions.listSessions,
  sessions.disconnectSession,
  mirrors.listMirrors,
  mirrors.planMirror,
  mirrors.runMirrors,
  webhooks.listWebhooks,
  webhooks.addWebhook,
  webhooks.getWebhook,
  webhooks.removeWebhook,
  webhooks.rotateWebhookSecret,
  webhooks.testWebhook,
  webhooks.listWebhookDeliveries,
  webhooks.resendWebhookMessage,
  webhooks.resendDeadWebhookMessages,
  bans.listBans,
  bans.addBan,
  bans.clearBans,
  getOpenApi,
  overview.getOverview,
  search,
  overview.getActivity,
  overview.getChecklist,
  security.getSecurity,
  gateway.getHostKeys,
  gateway.getReadiness,
  login.getLogin,
  login.loginWithPassphrase,
  login.loginWithCode,
  login.beginPasskeyLogin,
  login.loginWithPasskey,
  login.loginWithLink,
  login.openLink,
  login.enrol,
  me.getMe,
  me.logout,
  me.listMySessions,
  me.endMySession,
  me.changePassphrase,
  factors.getFactors,
  factors.beginPasskey,
  factors.addPasskey,
  factors.renamePasskey,
  factors.removePasskey,
  factors.beginTotp,
  factors.setTotp,
  factors.removeTotp,
  admins.listAdmins,
  admins.addAdmin,
  admins.getAdmin,
  admins.changeAdmin,
  admins.resetAdmin,
  admins.removeAdmin,
  admins.listAdminSessions,
  admins.endAdminSession,
  approvals.listApprovals,
  approvals.getApproval,
  approvals.approveRequest,
  approvals.rejectRequest,
  tokens.listTokens,
  tokens.createToken,
  tokens.revokeToken,
  tokens.checkToken,
  consoleSessions.checkSession,
  consoleSessions.loginFromProvider,
];
